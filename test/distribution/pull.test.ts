import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ProgressMessage } from "../../src/distribution/progress.ts";
import { pull } from "../../src/distribution/pull.ts";
import type { TransportOptions } from "../../src/distribution/transport.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openStores, type Stores, temporaryFolder, testTransport } from "./stores.ts";
import { makeImage, noise, serveImage, serveIndex, type TestImage } from "./test-image.ts";
import { type Fault, TestRegistry } from "./test-registry.ts";

const big = noise(2 * 1024 * 1024);
const image = makeImage([{ "a.txt": "from the first layer" }, { big }]);
const short = (digest = "") => digest.slice(7, 19);
const [first, second] = image.layers.map(({ digest }) => short(digest));

interface Options extends Partial<TransportOptions> {
  platform?: { os: string; architecture: string };
  signal?: AbortSignal;
}

/** Pulls, and returns the lines, without the numbers in between. */
async function run(stores: Stores, name: string, options: Options = {}): Promise<string[]> {
  const { platform, signal, ...transport } = options;
  const messages: ProgressMessage[] = [];
  const request = {
    reference: parseReference(name),
    ...(platform && { platform }),
    ...(signal && { signal }),
  };
  await pull(request, { ...stores, transport: testTransport(transport) }, (message) =>
    messages.push(message),
  );
  return messages.map(({ id, status = "" }) => (id === undefined ? status : `${id}: ${status}`));
}

const linesOf = (lines: string[], id = "") =>
  lines.filter((line) => line.startsWith(id)).filter((line, at, all) => line !== all[at - 1]);

async function serve(one: TestImage = image, name = "app:1"): Promise<TestRegistry> {
  const registry = await TestRegistry.start();
  serveImage(registry, name, one);
  return registry;
}

const onlyBlobs =
  (fault: Fault, digest?: string) =>
  ({ path }: { path: string }): Fault | undefined =>
    path.includes("/blobs/") && (digest === undefined || path.endsWith(digest)) ? fault : undefined;

describe("pull", () => {
  test("downloads, unpacks and names an image, in Docker's words", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    const name = `${registry.host}/app:1`;
    const lines = await run(stores, name);
    expect(lines[0]).toBe("1: Pulling from app");
    expect(lines.slice(1, 3)).toEqual([`${first}: Pulling fs layer`, `${second}: Pulling fs layer`]);
    for (const id of [first, second]) {
      expect(linesOf(lines, id).map((line) => line.slice(14))).toEqual([
        "Pulling fs layer",
        "Downloading",
        "Verifying Checksum",
        "Download complete",
        "Extracting",
        "Pull complete",
      ]);
    }
    expect(lines.slice(-2)).toEqual([
      `Digest: ${image.digest}`,
      `Status: Downloaded newer image for ${name}`,
    ]);
    const found = stores.images.resolve(name);
    expect(found.id).toBe(image.digest);
    const [lower, upper] = found.layers.map((diffId) => stores.layers.path(diffId));
    expect(readFileSync(join(lower ?? "", "a.txt"), "utf8")).toBe("from the first layer");
    expect(Buffer.from(big).equals(readFileSync(join(upper ?? "", "big")))).toBe(true);
  });

  test("a second pull asks only whether the tag has moved", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    const name = `${registry.host}/app:1`;
    await run(stores, name);
    registry.requests.length = 0;
    expect(await run(stores, name)).toEqual([
      "1: Pulling from app",
      `Digest: ${image.digest}`,
      `Status: Image is up to date for ${name}`,
    ]);
    expect(registry.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "HEAD /v2/app/manifests/1",
    ]);
  });

  test("a tag that has moved brings only what is new", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    const name = `${registry.host}/app:1`;
    await run(stores, name);
    const newer = makeImage([{ "a.txt": "from the first layer" }, { b: "new" }]);
    serveImage(registry, "app:1", newer);
    const lines = await run(stores, name);
    expect(lines).toContain(`${first}: Already exists`);
    expect(lines).toContain(`${short(newer.layers[1]?.digest)}: Pull complete`);
    expect(lines.at(-1)).toBe(`Status: Downloaded newer image for ${name}`);
    expect(stores.images.resolve(name).id).toBe(newer.digest);
  });

  test("by digest", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    const name = `${registry.host}/app@${image.digest}`;
    // The tag is not looked at.
    const lines = await run(stores, name.replace("@", ":9@"));
    expect(lines[0]).toBe(`${name}: Pulling from app`);
    expect(stores.images.resolve(name).repoDigests).toEqual([name]);
  });

  test("all tags of a repository, over several pages", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    for (const tag of ["2", "3", "4", "5"]) serveImage(registry, `app:${tag}`, image);
    const lines = await run(stores, `${registry.host}/app`);
    expect(lines.filter((line) => line.endsWith("Pulling from app")).length).toBe(5);
    expect(lines.at(-1)).toBe(`Status: Downloaded newer image for ${registry.host}/app`);
    expect(stores.images.resolve(`${registry.host}/app:5`).repoTags.length).toBe(5);
  });
});

describe("platforms", () => {
  const arm = makeImage([{ arm: "arm" }], { os: "linux", architecture: "arm64" });
  const amd = makeImage([{ amd: "amd" }], { os: "linux", architecture: "amd64" });
  const attestation = makeImage([{ x: "x" }], { os: "unknown", architecture: "unknown" });
  const serveBoth = async () => {
    const registry = await TestRegistry.start();
    const digest = serveIndex(registry, "app:1", [
      { image: attestation, platform: { os: "unknown", architecture: "unknown" } },
      { image: amd, platform: { os: "linux", architecture: "amd64" } },
      { image: arm, platform: { os: "linux", architecture: "arm64" } },
    ]);
    return { registry, digest, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
  };

  test("an image of several platforms is one image, of which the layers of one are pulled", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using served = await serveBoth();
    const name = `${served.registry.host}/app:1`;
    for (const [architecture, own] of [
      ["arm64", arm],
      ["amd64", amd],
    ] as const) {
      const lines = await run(stores, name, { platform: { os: "linux", architecture } });
      expect(lines.at(-2)).toBe(`Digest: ${served.digest}`);
      expect(lines.at(-1)).toBe(`Status: Downloaded newer image for ${name}`);
      const found = stores.images.resolve(name, { os: "linux", architecture });
      expect([found.id, found.manifestDigest]).toEqual([served.digest, own.digest]);
    }
    expect(served.registry.count("GET", new RegExp(attestation.digest))).toBe(0);
  });

  test("a platform that is not there", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using served = await serveBoth();
    const asked = run(stores, `${served.registry.host}/app:1`, {
      platform: { os: "linux", architecture: "s390x" },
    });
    await expect(asked).rejects.toMatchObject({
      code: "notFound",
      message: "no matching manifest for linux/s390x in the manifest list entries",
    });
    await asked.catch(() => {});
    expect(stores.images.list()).toEqual([]);
  });

  test("another platform than was asked for, where there is no choice, is told", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve(amd);
    const lines = await run(stores, `${registry.host}/app:1`, {
      platform: { os: "linux", architecture: "arm64" },
    });
    expect(lines).toContain(
      `WARNING: image with reference ${registry.host}/app was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64`,
    );
  });
});

describe("what can go wrong", () => {
  /** Runs a pull that fails, and checks that nothing is visible after it. */
  async function failing(
    stores: Stores,
    name: string,
    options: Options = {},
  ): Promise<{ code: string; message: string }> {
    const failure = await run(stores, name, options).then(
      () => ({ code: "", message: "did not fail" }),
      (error: { code: string; message: string }) => error,
    );
    expect(stores.images.list()).toEqual([]);
    return { code: failure.code, message: failure.message };
  }

  const answers: [name: string, fault: Fault, code: string, message: string][] = [
    [
      "401",
      { status: 401, headers: { "www-authenticate": "Basic realm=x" } },
      "forbidden",
      "no basic auth credentials",
    ],
    [
      "403",
      { status: 403 },
      "notFound",
      "pull access denied for HOST/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
    ],
    [
      "404 of a proxy",
      { status: 404, body: "<html>" },
      "notFound",
      "manifest for HOST/app:1 not found: manifest unknown: manifest unknown",
    ],
    [
      "404 of a repository",
      {
        status: 404,
        body: '{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}',
      },
      "notFound",
      "repository HOST/app not found: name unknown: repository name not known to registry",
    ],
    [
      "429",
      { status: 429, body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}' },
      "unavailable",
      "toomanyrequests: slow down",
    ],
    [
      "500",
      { status: 500, body: "boom" },
      "unavailable",
      "received unexpected HTTP status: 500 Internal Server Error",
    ],
  ];
  test.each(answers)("%s for a manifest", async (_, fault, code, message) => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    registry.decide = () => fault;
    const failure = await failing(stores, `${registry.host}/app:1`);
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(message.replace("HOST", registry.host));
  });

  test("a registry that is not there, and a host that is not there", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    const registry = await serve();
    const { host } = registry;
    await registry[Symbol.asyncDispose]();
    expect((await failing(stores, `${host}/app:1`)).message).toBe(
      `Get "http://${host}/v2/": dial tcp ${host}: connect: connection refused`,
    );
    expect((await failing(stores, "no-such-host.invalid/app:1")).message).toMatch(
      /^Get "https:\/\/no-such-host\.invalid\/v2\/": dial tcp: lookup no-such-host\.invalid.*: no such host$/,
    );
  });

  test("a manifest that is not what the digest says", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    registry.decide = () => ({ corrupt: true });
    expect((await failing(stores, `${registry.host}/app@${image.digest}`)).message).toBe(
      `manifest verification failed for digest ${image.digest}`,
    );
  });

  test("a layer with wrong bytes leaves the other layer for the next pull", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    const bad = image.layers[0]?.digest ?? "";
    const other = Promise.withResolvers<void>();
    registry.decide = ({ path }) =>
      path.endsWith(bad) ? { corrupt: true, until: other.promise } : undefined;
    const name = `${registry.host}/app:1`;
    const pulling = failing(stores, name);
    while (!image.layers[1] || !stores.blobs.has(image.layers[1].digest)) await Bun.sleep(5);
    other.resolve();
    expect((await pulling).message).toBe(`filesystem layer verification failed for digest ${bad}`);
    registry.decide = () => undefined;
    registry.requests.length = 0;
    await run(stores, name);
    expect(registry.count("GET", new RegExp(image.layers[1]?.digest ?? ""))).toBe(0);
  });

  test("a configuration with wrong bytes", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    registry.decide = onlyBlobs({ corrupt: true }, image.config.digest);
    expect((await failing(stores, `${registry.host}/app:1`)).message).toBe(
      `error pulling image configuration: image config verification failed for digest ${image.config.digest}`,
    );
  });

  test("a layer that is not what the configuration says", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    const other = makeImage([{ c: "other" }, { d: "d" }]);
    const lying = { ...image, layers: other.layers };
    const manifest = JSON.parse(Buffer.from(other.manifest).toString());
    manifest.config.digest = image.config.digest;
    manifest.config.size = image.config.bytes.length;
    await using registry = await serve({ ...lying, manifest: Buffer.from(JSON.stringify(manifest)) });
    const failure = await failing(stores, `${registry.host}/app:1`);
    expect(failure.message).toStartWith("failed to register layer: layer does not have its diffID");
    const names = readdirSync(join(folder.path, "layers"));
    // What is half unpacked is on its way to the trash.
    expect(names.filter((name) => !name.endsWith(".partial"))).toEqual([]);
  });

  test("something that is not an image", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    const chart = JSON.parse(Buffer.from(image.manifest).toString());
    chart.config.mediaType = "application/vnd.cncf.helm.config.v1+json";
    serveImage(registry, "app:1", { ...image, manifest: Buffer.from(JSON.stringify(chart)) });
    expect((await failing(stores, `${registry.host}/app:1`)).message).toBe(
      'Encountered remote "application/vnd.cncf.helm.config.v1+json"(unknown) when fetching',
    );
  });

  test("a cut connection is mended, and the user sees the wait", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    registry.decide = ({ path }, nth) =>
      nth === 0 && path.endsWith(image.layers[1]?.digest ?? "") ? { cutAt: 1000 } : undefined;
    const lines = await run(stores, `${registry.host}/app:1`);
    expect(linesOf(lines, second)).toContain(`${second}: Retrying in 1 second`);
    expect(lines.at(-1)).toStartWith("Status: Downloaded newer image");
  });

  test("a pull that is cancelled goes on where it stopped", async () => {
    using folder = temporaryFolder();
    await using registry = await serve();
    const name = `${registry.host}/app:1`;
    const layer = image.layers[1]?.digest ?? "";
    {
      await using stores = openStores(folder.path);
      const stop = new AbortController();
      registry.decide = ({ path }) => {
        if (!path.endsWith(layer)) return undefined;
        setTimeout(() => stop.abort(), 100);
        return { stallAt: 1_500_000 };
      };
      const failure = await failing(stores, name, { signal: stop.signal, stallTimeout: 60_000 });
      expect(failure.code).toBe("cancelled");
      // A sweep leaves it, as does the restart below.
      await stores.images.collect();
    }
    registry.decide = () => undefined;
    registry.requests.length = 0;
    await using stores = openStores(folder.path);
    await run(stores, name);
    const again = registry.requests.find(({ path }) => path.endsWith(layer));
    expect(again?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });
});

describe("several at once", () => {
  test("pulls of the same image share every download", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    serveImage(registry, "copy:1", image);
    const names = ["app:1", "copy:1", "app:1"].map((name) => `${registry.host}/${name}`);
    const outcomes = await Promise.all(names.map((name) => run(stores, name)));
    for (const lines of outcomes) expect(linesOf(lines, second).at(-1)).toBe(`${second}: Pull complete`);
    for (const { digest } of image.layers) expect(registry.count("GET", new RegExp(digest))).toBe(1);
  });

  test("one that is cancelled does not take the others with it", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await serve();
    const hold = Promise.withResolvers<void>();
    registry.decide = onlyBlobs({ until: hold.promise }, image.layers[1]?.digest);
    const stop = new AbortController();
    const name = `${registry.host}/app:1`;
    const leaving = run(stores, name, { signal: stop.signal });
    const staying = run(stores, name);
    while (registry.count("GET", new RegExp(image.layers[1]?.digest ?? "")) === 0) await Bun.sleep(5);
    stop.abort();
    await expect(leaving).rejects.toMatchObject({ code: "cancelled" });
    await leaving.catch(() => {});
    hold.resolve();
    expect((await staying).at(-1)).toStartWith("Status: Downloaded newer image");
  });

  test("only so many layers are downloaded at a time, and the others say so", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    const many = makeImage([1, 2, 3, 4, 5].map((n) => ({ [`f${n}`]: `${n}` })));
    await using registry = await serve(many);
    let now = 0;
    let most = 0;
    registry.decide = ({ path }) => {
      if (!path.includes("/blobs/")) return undefined;
      most = Math.max(most, ++now);
      return { until: Bun.sleep(20).then(() => now--) };
    };
    const lines = await run(stores, `${registry.host}/app:1`, { maxConcurrentDownloads: 2 });
    expect(most).toBe(2);
    expect(lines.filter((line) => line.endsWith(": Waiting")).length).toBeGreaterThanOrEqual(3);
  });
});

test("a layer that the registry does not keep comes from where its descriptor says", async () => {
  using folder = temporaryFolder();
  await using stores = openStores(folder.path);
  await using registry = await serve();
  await using elsewhere = await serve();
  const [foreign] = image.layers;
  const manifest = JSON.parse(Buffer.from(image.manifest).toString());
  manifest.layers[0].mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
  manifest.layers[0].urls = ["ftp://x/", `${elsewhere.url}/v2/any/blobs/${foreign?.digest}`];
  serveImage(registry, "app:1", { ...image, manifest: Buffer.from(JSON.stringify(manifest)) });
  registry.blobs.delete(foreign?.digest ?? "");
  const lines = await run(stores, `${registry.host}/app:1`);
  expect(lines.at(-1)).toStartWith("Status: Downloaded newer image");
  expect(elsewhere.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
});

test("what Docker Hub says is left of the quota is shown", async () => {
  using folder = temporaryFolder();
  await using stores = openStores(folder.path);
  await using registry = await serve(image, "library/app:1");
  registry.decide = ({ path }) =>
    path.includes("/manifests/")
      ? { also: { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600" } }
      : undefined;
  const lines = await run(stores, "app:1", { mirrors: [registry.url] });
  expect(lines.slice(-2)).toEqual([
    "Status: Downloaded newer image for app:1",
    "Pulls left: 76 of 100 in 6 hours",
  ]);
});

describe("mirrors of Docker Hub", () => {
  test("are asked in order; what one does not have, cannot give or gives wrongly comes from the next", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using empty = await TestRegistry.start();
    await using broken = await serve(image, "library/app:1");
    await using good = await serve(image, "library/app:1");
    broken.decide = onlyBlobs({ corrupt: true }, image.layers[0]?.digest);
    const gone = await TestRegistry.start();
    const mirrors = [gone.url, empty.url, broken.url, good.url];
    await gone[Symbol.asyncDispose]();
    const lines = await run(stores, "app:1", { mirrors });
    expect(lines[0]).toBe("1: Pulling from library/app");
    expect(lines.at(-1)).toBe("Status: Downloaded newer image for app:1");
    expect(empty.count("GET", /manifests/)).toBe(1);
    expect(broken.count("GET", /manifests/)).toBe(1);
    expect(good.count("GET", /manifests/)).toBe(0);
    expect(good.count("GET", new RegExp(image.layers[0]?.digest ?? ""))).toBe(1);
  });
});
