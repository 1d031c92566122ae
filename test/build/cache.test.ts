/** Caches of steps that travel: `--cache-to` of one machine, `--cache-from` on another with nothing in its store. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { dist, run as execute, until } from "../harness/process.ts";
import { TestRegistry } from "../harness/registry.ts";

let registry: TestRegistry;
let one: TestDaemon;
let other: TestDaemon;
let folder: string;
beforeAll(async () => {
  registry = await TestRegistry.start();
  folder = mkdtempSync(join(tmpdir(), "longshore-caches-"));
  one = await TestDaemon.start({ registry });
  other = await TestDaemon.start({ registry });
});
afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
/** The other machine has nothing in its store. */
beforeEach(async () => {
  await other.must("image", "prune", "-af");
  await other.must("builder", "prune", "-af");
  expect(await kept(other)).toEqual([]);
});

/** What a daemon has on its disk of images and builds. */
async function kept({ dataRoot }: TestDaemon): Promise<string[]> {
  const folders = ["blobs/sha256", "layers", "ingest", "build/mounts", "build/contexts", "tmp"];
  return folders.flatMap((name) => namesIn(join(dataRoot, name)).map((file) => join(name, file)));
}

function namesIn(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

let number = 0;

function context(files: Record<string, string>): string {
  const path = join(folder, String(number++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const named = (name: string) => `${registry.address}/${name}-${number}`;

async function attempt(daemon: TestDaemon, ...args: string[]) {
  return execute([join(dist, "docker"), "build", "--progress", "plain", ...args], { env: daemon.env });
}

async function build(daemon: TestDaemon, ...args: string[]): Promise<string> {
  const { stderr, code } = await attempt(daemon, ...args);
  if (code !== 0) throw new Error(stderr);
  return stderr;
}

/** The steps that were found, by what stands in the Dockerfile. */
function cached(said: string): string[] {
  const names = new Map(
    [...said.matchAll(/^#(\d+) \[(?:.*\d)\/\d+\] (.*)$/gm)].map(([, id = "", name = ""]) => [id, name]),
  );
  return [...said.matchAll(/^#(\d+) CACHED$/gm)].map(([, id = ""]) => names.get(id) ?? "").sort();
}

const staged = (salt: string) => ({
  Dockerfile: `FROM busybox AS build
WORKDIR /src
COPY a .
RUN echo ${salt}; date > /big; dd if=/dev/urandom of=/random bs=1k count=300; cat a > /out; date >> /out
FROM busybox
COPY --from=build /out /out
RUN --mount=type=bind,from=build,target=/b cp /b/out /second
`,
  a: `hello ${salt}\n`,
});
const steps = (salt: string) => [
  "COPY --from=build /out /out",
  "COPY a .",
  "RUN --mount=type=bind,from=build,target=/b cp /b/out /second",
  `RUN echo ${salt}; date > /big; dd if=/dev/urandom of=/random bs=1k count=300; cat a > /out; date >> /out`,
  "WORKDIR /src",
];

/** Bytes of the blobs that a daemon has. */
function blobBytes({ dataRoot }: TestDaemon): number {
  const path = join(dataRoot, "blobs/sha256");
  return namesIn(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
}

/** What `docker system df` says of build caches. */
async function cacheBytes({ socket }: TestDaemon): Promise<number> {
  const answer = await fetch("http://docker/v1.44/system/df?type=build-cache", { unix: socket });
  const { BuildCache } = (await answer.json()) as { BuildCache: { Size: number; Type: string }[] };
  return BuildCache.reduce((sum, { Size, Type }) => sum + (Type === "regular" ? Size : 0), 0);
}

const inImage = (daemon: TestDaemon, image: string, ...command: string[]) =>
  daemon.must("run", "--rm", "--network", "none", image, ...command);

/** What a registry has under a name. */
async function manifestOf(name: string): Promise<{ mediaType: string } & Record<string, unknown>> {
  const path = name.slice(name.indexOf("/") + 1);
  const accept = ["manifest", "index"].map((kind) => `application/vnd.oci.image.${kind}.v1+json`);
  accept.push("application/vnd.docker.distribution.manifest.list.v2+json");
  const answer = await fetch(`${registry.url}/v2/${path}/manifests/latest`, {
    headers: { accept: accept.join() },
  });
  return (await answer.json()) as { mediaType: string };
}

const cacheType = "application/vnd.buildkit.cacheconfig.v0";

describe("a registry", () => {
  test("mode=max: all steps are known to a machine with an empty store, and only what is read comes", async () => {
    const path = context(staged("max"));
    const ref = named("max");
    const first = await build(one, "-t", "made", "--cache-to", `type=registry,ref=${ref},mode=max`, path);
    expect(first).toContain("exporting cache to registry");
    expect(first).toMatch(/writing cache image manifest sha256:[0-9a-f]{64}/);
    const said = await build(other, "-t", "made", "--cache-from", `type=registry,ref=${ref}`, path);
    expect(said).toContain(`importing cache manifest from ${ref}`);
    expect(cached(said)).toEqual(steps("max"));
    expect(await inImage(other, "made", "cat", "/out", "/second")).toBe(
      await inImage(one, "made", "cat", "/out", "/second"),
    );
    const { config, layers } = await manifestOf(ref);
    expect((config as { mediaType: string }).mediaType).toBe(cacheType);
    expect(layers).toHaveLength(5);
    // The layer with 300 kB of random bytes is in no image: nobody has read it.
    const sizes = (layers as { size: number }[]).map(({ size }) => size);
    expect(Math.max(...sizes)).toBeGreaterThan(300_000);
    expect(namesIn(join(other.dataRoot, "layers"))).toHaveLength(3);
  });

  test("a base image that nobody reads is not pulled", async () => {
    const files = {
      Dockerfile: "FROM busybox AS build\nRUN echo far > /f\nFROM scratch\nCOPY --from=build /f /f\n",
    };
    const path = context(files);
    const ref = named("lazy");
    await build(one, "--cache-to", `type=registry,ref=${ref},mode=max`, path);
    const said = await build(other, "-t", "far", "--cache-from", ref, path);
    expect(cached(said)).toEqual(["COPY --from=build /f /f", "RUN echo far > /f"]);
    expect(await other.must("images", "-q", "busybox")).toBe("");
    expect(blobBytes(other)).toBeLessThan(100_000);
  });

  test("mode=min has no layers of other stages: they are carried out where they are needed", async () => {
    const files = staged("min");
    const path = context(files);
    const ref = named("min");
    await build(one, "--cache-to", `type=registry,ref=${ref}`, path);
    expect((await manifestOf(ref)).layers).toHaveLength(2);
    expect(cached(await build(other, "--cache-from", ref, path))).toEqual(steps("min"));
    // What comes after is new: it needs the files of the stage, which nobody has.
    const changed = files.Dockerfile.replace("FROM busybox\n", "RUN echo more >> /out\nFROM busybox\n");
    writeFileSync(join(path, "Dockerfile"), changed);
    await build(other, "-t", "more", "--cache-from", ref, path);
    expect(await inImage(other, "more", "cat", "/second")).toEndWith("more");
  });

  test.each([
    ["image-manifest=false", "application/vnd.oci.image.index.v1+json", "tar+gzip"],
    ["oci-mediatypes=false", "application/vnd.docker.distribution.manifest.list.v2+json", "tar.gzip"],
    ["compression=zstd", "application/vnd.oci.image.manifest.v1+json", "tar+zstd"],
    ["compression=gzip,compression-level=9", "application/vnd.oci.image.manifest.v1+json", "tar+gzip"],
    ["compression=uncompressed", "application/vnd.oci.image.manifest.v1+json", "v1.tar"],
  ])("%s", async (option, mediaType, layerType) => {
    const path = context({ Dockerfile: `FROM busybox\nRUN echo ${option} > /f; date >> /f\n` });
    const ref = named("form");
    await build(one, "-t", "form", "--cache-to", `type=registry,ref=${ref},${option}`, path);
    const manifest = await manifestOf(ref);
    expect(manifest.mediaType).toBe(mediaType);
    const [layer] = (manifest.layers ?? manifest.manifests) as { mediaType: string }[];
    expect(layer?.mediaType).toEndWith(layerType);
    expect(cached(await build(other, "-t", "form", "--cache-from", ref, path))).toHaveLength(1);
    expect(await inImage(other, "form", "cat", "/f")).toBe(await inImage(one, "form", "cat", "/f"));
  });

  test("force-compression: what came compressed in another way is sent anew", async () => {
    const path = context({ Dockerfile: "FROM busybox\nRUN echo forced > /f\n" });
    const [ref, again] = [named("plain"), named("forced")];
    await build(one, "--cache-to", `type=registry,ref=${ref}`, path);
    const to = `type=registry,ref=${again},compression=zstd,force-compression=true`;
    await build(other, "--cache-from", ref, "--cache-to", to, path);
    const [layer] = (await manifestOf(again)).layers as { mediaType: string }[];
    expect(layer?.mediaType).toEndWith("tar+zstd");
  });

  test("several caches from, several to", async () => {
    const [first, second] = [context(staged("several-1")), context(staged("several-2"))];
    const [ref, next, both] = [named("first"), named("second"), named("both")];
    await build(one, "--cache-to", `type=registry,ref=${ref},mode=max`, first);
    const to = [
      "--cache-to",
      `type=registry,ref=${next},mode=max`,
      "--cache-to",
      `type=registry,ref=${both}`,
    ];
    await build(one, ...to, second);
    const from = ["--cache-from", `${ref},${next}`, "--cache-from", named("nothing")];
    const said = await build(other, ...from, first);
    expect(said).toContain("ERROR: failed to configure registry cache importer: ");
    expect(cached(said)).toEqual(steps("several-1"));
    expect(cached(await build(other, ...from, second))).toEqual(steps("several-2"));
    expect((await manifestOf(both)).layers).toHaveLength(2);
  });
});

describe("an image that says what it knows", () => {
  test.each([
    ["--cache-to type=inline", ["--cache-to", "type=inline"]],
    ["BUILDKIT_INLINE_CACHE", ["--build-arg", "BUILDKIT_INLINE_CACHE=1"]],
  ])("%s", async (_, option) => {
    const salt = `inline-${number}`;
    const path = context(staged(salt));
    const image = named("inline");
    await build(one, ...option, "-t", image, "--push", path);
    expect(cached(await build(other, "-t", "in", "--cache-from", image, path))).toEqual(steps(salt));
    expect(await inImage(other, "in", "cat", "/second")).toBe(await inImage(one, image, "cat", "/second"));
    // Here it is asked first, without its registry; the classic builder asks it too.
    await one.must("builder", "prune", "-af");
    expect(cached(await build(one, "--cache-from", `type=inline,ref=${image}`, path))).toEqual(steps(salt));
    await one.must("builder", "prune", "-af");
    const classic = await execute([join(dist, "docker"), "build", "--cache-from", image, path], {
      env: { ...one.env, DOCKER_BUILDKIT: "0" },
    });
    expect(classic.code).toBe(0);
    expect(classic.stdout.match(/Using cache/g)).toHaveLength(5);
  });
});

describe("a folder of the client", () => {
  test("has a cache as an image layout; tags and digests choose", async () => {
    const path = context(staged("local"));
    const dest = join(folder, `cache-${number}`);
    const metadata = join(folder, `metadata-${number}`);
    const to = `type=local,dest=${dest},mode=max,tag=mine`;
    const first = await build(one, "--metadata-file", metadata, "--cache-to", to, path);
    expect(first).toContain("exporting cache to client directory");
    const { manifests } = JSON.parse(readFileSync(join(dest, "index.json"), "utf8"));
    expect(manifests).toHaveLength(1);
    const [{ digest, annotations }] = manifests;
    expect(annotations).toEqual({ "org.opencontainers.image.ref.name": "mine" });
    const said = JSON.parse(readFileSync(metadata, "utf8"));
    expect(JSON.parse(said["cache.manifest"]).digest).toBe(digest);
    expect(namesIn(join(dest, "ingest"))).toEqual([]);
    const none = await build(one, "--cache-from", `type=local,src=${dest}`, path);
    expect(none).toContain("skipped: no digest found for tag latest");
    for (const which of ["tag=mine", `digest=${digest}`]) {
      await other.must("builder", "prune", "-af");
      expect(cached(await build(other, "--cache-from", `type=local,src=${dest},${which}`, path))).toEqual(
        steps("local"),
      );
    }
  });

  test("several at once, each in its own form", async () => {
    const path = context(staged("folders"));
    const [least, most] = [join(folder, `least-${number}`), join(folder, `most-${number}`)];
    const to = [
      `type=local,dest=${least}`,
      `type=local,dest=${most},mode=max`,
      `type=registry,ref=${named("too")}`,
    ];
    await build(one, ...to.flatMap((value) => ["--cache-to", value]), path);
    for (const src of [least, most]) {
      await other.must("builder", "prune", "-af");
      expect(cached(await build(other, "--cache-from", `type=local,src=${src}`, path))).toEqual(
        steps("folders"),
      );
    }
  });

  test("a layer that is gone is made again", async () => {
    const path = context({ Dockerfile: "FROM busybox\nRUN echo gone > /f\nRUN date > /g\n" });
    const dest = join(folder, `cache-${number}`);
    await build(one, "--cache-to", `type=local,dest=${dest},mode=max`, path);
    const blobs = join(dest, "blobs/sha256");
    const isLayer = (name: string) => readFileSync(join(blobs, name)).readUInt16BE(0) === 0x1f8b;
    for (const name of namesIn(blobs).filter(isLayer)) rmSync(join(blobs, name));
    const said = await build(other, "-t", "again", "--cache-from", `type=local,src=${dest}`, path);
    expect(said).toContain("of an imported cache cannot be had, its step is carried out: ");
    expect(await inImage(other, "again", "cat", "/f")).toBe("gone");
  });

  test("mounts=true: what RUN --mount=type=cache has gathered travels too", async () => {
    const path = context({
      Dockerfile:
        "FROM busybox\nARG n=1\nRUN --mount=type=cache,id=gathered,target=/c echo $n >> /c/f; " +
        "ln -f /c/f /c/g; chmod 600 /c/f; stat -c '%a %h' /c/f > /f; cat /c/f >> /f\n",
    });
    const dest = join(folder, `cache-${number}`);
    await build(one, "--cache-to", `type=local,dest=${dest},mode=max,mounts=true`, path);
    const again = ["-t", "gathered", "--build-arg", "n=2", path];
    await build(other, "--cache-from", `type=local,src=${dest},mounts=true`, ...again);
    expect(await inImage(other, "gathered", "cat", "/f")).toBe("600 2\n1\n2");
    // Who does not ask for it begins with an empty one.
    await other.must("builder", "prune", "-af");
    await build(other, "--cache-from", `type=local,src=${dest}`, "--no-cache", ...again);
    expect(await inImage(other, "gathered", "cat", "/f")).toBe("600 2\n2");
  });
});

describe("what cannot be used", () => {
  /** Puts a cache into the registry as another builder might. */
  async function put(name: string, config: string): Promise<string> {
    const path = name.slice(name.indexOf("/") + 1);
    const blob = async (text: string) => {
      const digest = `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;
      const begun = await fetch(`${registry.url}/v2/${path}/blobs/uploads/`, { method: "POST" });
      const at = new URL(begun.headers.get("location") ?? "", registry.url);
      at.searchParams.set("digest", digest);
      const answer = await fetch(at, { method: "PUT", body: text });
      expect(answer.status).toBe(201);
      return { digest, size: text.length };
    };
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...(await blob("layer")) };
    const described = { mediaType: cacheType, ...(await blob(config.replace("LAYER", layer.digest))) };
    const index = JSON.stringify({ schemaVersion: 2, mediaType, manifests: [layer, described] });
    const headers = { "content-type": mediaType };
    const request = { method: "PUT", body: index, headers };
    expect((await fetch(`${registry.url}/v2/${path}/manifests/latest`, request)).status).toBe(201);
    return name;
  }

  const digest = `sha256:${"1".repeat(64)}`;
  const ofBuildkit = {
    layers: [
      {
        blob: "LAYER",
        parent: -1,
        annotations: { mediaType: "x", diffID: digest, size: 5, createdAt: "2024-01-01T00:00:00Z" },
      },
    ],
    records: [
      {
        digest,
        layers: [{ layer: 0, createdAt: "2024-01-01T00:00:00Z" }],
        inputs: [[{ selector: "", link: 1 }]],
      },
      { digest: `sha256:${"2".repeat(64)}`, chains: [{ layers: [7] }] },
    ],
  };

  test.each([
    [
      "a cache of BuildKit's",
      JSON.stringify(ofBuildkit),
      "is of no use: its 2 records were written by BuildKit, whose keys are digests of its own operations",
    ],
    [
      "odd fields",
      '{"layers":[{"blob":7},null,3],"records":[{"digest":"x"},{"layers":"y"}],"longshore":[]}',
      "is of no use: it knows of no steps",
    ],
    ["no JSON", "no json", "ERROR: failed to configure registry cache importer: invalid cache config: "],
  ])("%s does not break the build", async (_, config, message) => {
    const ref = await put(named("foreign"), config);
    const path = context({ Dockerfile: `FROM busybox\nRUN echo ${number} > /f\n` });
    const said = await build(other, "--cache-from", ref, path);
    expect(said).toContain(`importing cache manifest from ${ref}`);
    expect(said).toContain(message);
    if (!message.startsWith("ERROR")) expect(said).not.toContain("ERROR");
    expect(cached(said)).toEqual([]);
  });

  test("a cache of BuildKit's in a folder is replaced by ours, which says of itself nothing like that", async () => {
    const layout = join(folder, `layout-${number}`);
    const path = context(staged("replaced"));
    const to = `type=local,dest=${layout},mode=max`;
    await build(one, "--cache-to", to, path);
    const described = readdirSync(join(layout, "blobs/sha256")).map((name) =>
      readFileSync(join(layout, "blobs/sha256", name)),
    );
    const configs = described.filter((bytes) => bytes.includes('"records"'));
    expect(configs.map((bytes) => bytes.includes('"inputs"'))).toEqual([false]);
    const said = await build(other, "--cache-from", `type=local,src=${layout}`, path);
    expect(said).not.toContain("of no use");
    expect(cached(said)).toEqual(steps("replaced"));
  });

  test.each([
    ["to", "type=gha", "cache exporter gha is not supported"],
    ["to", "type=s3,bucket=b", "cache exporter s3 is not supported"],
    ["from", "type=azblob", "cache importer azblob is not supported"],
    ["to", "type=registry", "registry cache exporter requires ref"],
    ["from", "type=registry", "registry cache importer requires ref"],
    ["to", "type=local", "local cache exporter requires dest"],
    ["from", "type=local", "local cache importer requires src"],
    ["to", "type=other,ref=x", 'unknown cache exporter: "other"'],
    ["from", "type=other,ref=x", 'unknown cache importer: "other"'],
    ["to", "ref=x", 'type required form> "ref=x"'],
    ["to", "type=registry,ref", "invalid value ref"],
    [
      "to",
      "type=registry,ref=x,mode=all",
      "failed to configure registry cache exporter: invalid cache export mode: all",
    ],
    ["to", "type=registry,ref=x,compression=lzma", "unsupported compression type lzma"],
    ["to", "type=registry,ref=x,compression=estargz", "compression type estargz is not supported"],
    [
      "to",
      "type=registry,ref=x,compression-level=much",
      "non-integer value much specified for compression-level",
    ],
    [
      "to",
      "type=registry,ref=x,oci-mediatypes=false,image-manifest=true",
      "invalid configuration for remote cache, OCI mediatypes are required for image-manifest cache format",
    ],
    ["to", "type=registry,ref=x,ignore-error=maybe", "non-bool value specified for ignore-error"],
    ["to", "type=registry,ref=X/Y:", "failed to configure registry cache exporter: invalid reference format"],
  ])("--cache-%s %s: a clear error, and nothing is built", async (which, value, message) => {
    const path = context({ Dockerfile: "FROM busybox\nRUN echo wrong > /f\n" });
    const { code, stderr } = await attempt(other, "-t", "wrong", `--cache-${which}`, value, path);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(await other.must("images", "-q", "wrong")).toBe("");
  });

  test("a registry that does not answer fails the build once its image is there, or is ignored", async () => {
    const path = context({ Dockerfile: "FROM busybox\nRUN echo nobody > /f\n" });
    const to = "type=registry,ref=127.0.0.1:1/nobody";
    const { code, stderr } = await attempt(other, "-t", "nobody", "--cache-to", to, path);
    expect(code).toBe(1);
    expect(stderr).toContain("connection refused");
    expect(await inImage(other, "nobody", "cat", "/f")).toBe("nobody");
    expect(await build(other, "--cache-to", `${to},ignore-error=true`, path)).toContain(
      "the cache was not exported, which is ignored: ",
    );
    // Nothing of either stays but what images and the cache have.
    expect(namesIn(join(other.dataRoot, "ingest"))).toEqual([]);
    await other.must("rmi", "nobody");
  });
});

test("an export that is cut off leaves nothing, neither here nor in the folder", async () => {
  const path = context({ Dockerfile: "FROM busybox\nRUN dd if=/dev/urandom of=/f bs=1M count=64\n" });
  await build(other, path);
  const dest = join(folder, `cache-${number}`);
  const to = `type=local,dest=${dest},mode=max,compression=zstd,compression-level=19`;
  const child = Bun.spawn([join(dist, "docker"), "build", "--progress", "plain", "--cache-to", to, path], {
    env: { ...process.env, ...other.env },
    stderr: "pipe",
  });
  const ingest = join(other.dataRoot, "ingest");
  await until("a layer is compressed", () => namesIn(ingest).length > 0);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  await until("nothing is left of it", () => namesIn(ingest).length === 0);
  expect(namesIn(dest)).toEqual([]);
});

test("what was exported counts, and goes, with the cache", async () => {
  const path = context({ Dockerfile: "FROM busybox\nRUN dd if=/dev/urandom of=/f bs=1k count=500\n" });
  await build(
    other,
    "-o",
    "type=cacheonly",
    "--cache-to",
    `type=registry,ref=${named("counted")},mode=max`,
    path,
  );
  const du = await execute([
    "du",
    "-s",
    "--block-size=1",
    ...["blobs", "layers"].map((name) => join(other.dataRoot, name)),
  ]);
  const onDisk = du.stdout.split("\n").reduce((sum, line) => sum + Number(line.split("\t")[0]), 0);
  // Plain, as it is kept; unpacked; and gzipped, as it went.
  expect(await cacheBytes(other)).toBeGreaterThan(1_500_000);
  expect(await cacheBytes(other)).toBeLessThan(onDisk);
  await other.must("image", "prune", "-af");
  await other.must("builder", "prune", "-af");
  expect(await kept(other)).toEqual([]);
});
