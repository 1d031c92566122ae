import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { encodeHeader } from "../../src/archive/tar-encoder.ts";
import { tarEntry } from "../../src/archive/tar-entry.ts";
import { mount, unmount } from "../../src/linux/mount.ts";
import { getXattr } from "../../src/linux/xattr.ts";
import { type Digest, hexOf } from "../../src/oci/digest.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { imageOf, makeImage, makeTar, serveImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";
import { file, type Given, tarOf } from "../images/stores.ts";
import { settled } from "./stores.ts";

/** What others had to mend in how they take images, and what the worst of layers could do. */
let daemon: TestDaemon;
let registry: TestRegistry;
let folder: string;
/** Outside the data root: no image may touch it. */
let victim: string;

beforeAll(async () => {
  registry = await TestRegistry.start();
  folder = await mkdtemp(join(tmpdir(), "longshore-hostile-"));
  // In memory, for the sake of very many files.
  mount("tmpfs", folder, "tmpfs", 0, "size=4g,nr_inodes=0");
  daemon = await TestDaemon.start({ dataRoot: join(folder, "data") });
  victim = join(daemon.root, "victim");
  mkdirSync(victim, { mode: 0o700 });
  writeFileSync(join(victim, "secret"), "secret", { mode: 0o600 });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  unmount(folder);
  await rm(folder, { recursive: true });
});

let count = 0;

/** Pulls what is served as `name`. */
const pull = (name: string) => daemon.docker("pull", "-q", `${registry.host}/${name}`);

async function pullLayers(
  ...layers: readonly Given[][]
): Promise<{ name: string; code: number; stderr: string }> {
  const name = `hostile${count++}:1`;
  serveImage(registry, name, imageOf(layers.map((members) => tarOf(...members))));
  return { ...(await pull(name)), name: `${registry.host}/${name}` };
}

/** A file of the layer that has these members. */
function inLayer(members: readonly Given[], ...path: string[]): string {
  return join(daemon.dataRoot, "layers", hexOf(sha256Of(tarOf(...members))), ...path);
}

async function untouched(name: string): Promise<void> {
  expect(readdirSync(victim)).toEqual(["secret"]);
  expect(readFileSync(join(victim, "secret"), "utf8")).toBe("secret");
  expect(statSync(join(victim, "secret")).mode & 0o7777).toBe(0o600);
  expect(statSync(victim).mode & 0o7777).toBe(0o700);
  await daemon.docker("rmi", "-f", name);
  // Files and rows agree; of a pull that failed, layers that were right are kept for the next.
  await settled(daemon.dataRoot);
}

const link = (name: string, linkname: string): Given => ({ name, type: "symlink", linkname });
const directory = (name: string, mode = 0o755): Given => ({ name, type: "directory", mode });
const hardLink = (name: string, linkname: string): Given => ({ name, type: "hardlink", linkname });

describe("extraction", () => {
  test("CVE-2014-6407: a link of one layer is no way out for the next", async () => {
    const { name } = await pullLayers(
      [link("l", victim)],
      [file("l/planted", "evil"), hardLink("l/h", "l/secret")],
    );
    await untouched(name);
  });

  test("CVE-2014-9356: links that lead through /proc and through dots", async () => {
    const { name, code } = await pullLayers([
      link("self", "/proc/self/root"),
      file(`self${victim}/planted`, "evil"),
    ]);
    expect(code).toBe(1);
    await untouched(name);
  });

  test("CVE-2021-32760: no mode, owner or time of a file outside is changed", async () => {
    const { name } = await pullLayers([
      link("l", join(victim, "secret")),
      hardLink("h", "l"),
      { ...directory("d", 0o777), uid: 1234 },
      link("d", victim),
      { ...directory("d", 0o777), uid: 1234 },
      { ...file("h", "x"), mode: 0o666, uid: 1234 },
    ]);
    await untouched(name);
  });

  test("CVE-2021-41091: programs with set-user-ID in layers are out of reach of the host's users", async () => {
    const members = [{ ...file("su", "#!"), mode: 0o4755 }];
    const { name } = await pullLayers(members);
    const { mode } = statSync(inLayer(members, "su"));
    expect(mode & 0o7777).toBe(0o4755);
    expect(statSync(join(daemon.dataRoot, "layers")).mode & 0o007).toBe(0);
    const { code } = await run([
      "setpriv",
      "--reuid=65534",
      "--regid=65534",
      "--clear-groups",
      "ls",
      inLayer(members),
    ]);
    expect(code).not.toBe(0);
    await untouched(name);
  });

  test("CVE-2025-47290: a name that turns from a directory into a link between two entries", async () => {
    const { name, code } = await pullLayers([
      directory("a"),
      file("a/one", "1"),
      link("a", victim),
      file("a/planted", "evil"),
    ]);
    expect(code).toBe(1);
    await untouched(name);
  });
});

describe("what layers may hold", () => {
  test("devices, fifos, set-user-ID and capabilities are kept", async () => {
    // Version 2, effective, CAP_NET_BIND_SERVICE (capabilities(7)).
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
    const members: Given[] = [
      { name: "null", type: "char", devMajor: 1, devMinor: 3, mode: 0o666 },
      { name: "loop", type: "block", devMajor: 7, devMinor: 200, mode: 0o660 },
      { name: "pipe", type: "fifo", mode: 0o600 },
      { ...file("ping", "x"), mode: 0o6755, xattrs: new Map([["security.capability", capability]]) },
    ];
    const { name, code } = await pullLayers(members);
    expect(code).toBe(0);
    expect(lstatSync(inLayer(members, "null")).rdev).toBe((1 << 8) | 3);
    expect(lstatSync(inLayer(members, "loop")).isBlockDevice()).toBe(true);
    expect(lstatSync(inLayer(members, "pipe")).isFIFO()).toBe(true);
    expect(lstatSync(inLayer(members, "ping")).mode & 0o7777).toBe(0o6755);
    expect(Buffer.from(getXattr(inLayer(members, "ping"), "security.capability") ?? [])).toEqual(capability);
    await untouched(name);
  });

  test("a layer that hides everything below it", async () => {
    const below = [file("etc/passwd", "root"), file("bin/sh", "x"), link("lib", "usr/lib")];
    const whiteouts = [".wh..wh..opq", ".wh.etc", ".wh.bin", ".wh.lib", "usr/.wh..wh..opq"].map((name) =>
      file(name, ""),
    );
    const { name, code } = await pullLayers(below, [...whiteouts, file("only", "this")]);
    expect(code).toBe(0);
    const id = await daemon.must("create", name, "x");
    const path = join(daemon.root, "hidden.tar");
    await daemon.must("export", "-o", path, id);
    const names = (await run(["tar", "-tf", path])).stdout.split("\n");
    expect(names).toContain("only");
    expect(names.filter((one) => /passwd|bin\/sh|^lib$|\.wh\./.test(one))).toEqual([]);
    await daemon.must("rm", id);
    await untouched(name);
  });

  test("a path of 4,096 bytes", async () => {
    const parts = Array.from({ length: 19 }, (_, at) => String.fromCharCode(97 + at).repeat(203));
    const path = `${parts.join("/")}/`;
    const name = path + "f".repeat(4096 - path.length);
    expect(name.length).toBe(4096);
    const pulled = await pullLayers([file(name, "deep")]);
    expect(pulled.code).toBe(0);
    const { stdout } = await run([
      "find",
      join(daemon.dataRoot, "layers"),
      "-type",
      "f",
      "-size",
      "4c",
      "-printf",
      "%f",
    ]);
    expect(stdout).toBe("f".repeat(4096 - path.length));
    await untouched(pulled.name);
  });

  const entries = Number(process.env.LONGSHORE_ENTRIES ?? 20_000);
  test(`a layer of ${entries} entries (LONGSHORE_ENTRIES)`, async () => {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < entries; at++) {
      parts.push(encodeHeader(tarEntry({ name: `d${at % 100}/f${at}`, type: "file" })));
    }
    const tar = Buffer.concat([...parts, Buffer.alloc(1024)]);
    serveImage(registry, "many:1", imageOf([tar]));
    const { code, stderr } = await pull("many:1");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readdirSync(join(daemon.dataRoot, "layers", hexOf(sha256Of(tar)), "d7")).length).toBe(
      entries / 100,
    );
    await untouched(`${registry.host}/many:1`);
  }, 900_000);

  test("a header that promises more than a file can have", async () => {
    const header = encodeHeader(tarEntry({ name: "huge", type: "file", size: 2 ** 52 }));
    serveImage(registry, "huge:1", imageOf([Buffer.concat([header, Buffer.alloc(5000)])]));
    const { code, stderr } = await pull("huge:1");
    expect(stderr).toMatch(/failed to register layer: .*unexpected EOF/);
    expect(code).toBe(1);
    await untouched(`${registry.host}/huge:1`);
  });
});

describe("manifests", () => {
  function serve(name: string, bytes: Uint8Array, mediaType: string): Digest {
    const digest = sha256Of(bytes);
    registry.manifests.set(name, { bytes, mediaType });
    registry.manifests.set(digest, { bytes, mediaType });
    return digest;
  }
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));

  test("CVE-2021-41190: a document that is a manifest and an index at once", async () => {
    const image = makeImage([{ f: "f" }]);
    serveImage(registry, "both:0", image);
    const manifest = JSON.parse(Buffer.from(image.manifest).toString());
    serve("both:1", json({ ...manifest, manifests: [] }), mediaTypes.ociManifest);
    const { code, stderr } = await pull("both:1");
    expect(stderr).not.toBe("");
    expect(code).toBe(1);
  });

  const malformed: [what: string, document: unknown][] = [
    ["no object", []],
    ["null", null],
    ["no layers", { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: null, layers: null }],
    [
      "a layer that is null",
      { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: {}, layers: [null] },
    ],
    [
      "a negative size",
      {
        schemaVersion: 2,
        config: { mediaType: mediaTypes.ociConfig, digest: `sha256:${"0".repeat(64)}`, size: -1 },
        layers: [],
      },
    ],
    [
      "a digest that is a path",
      {
        schemaVersion: 2,
        config: { mediaType: mediaTypes.ociConfig, digest: "sha256:../../../etc", size: 1 },
        layers: [],
      },
    ],
  ];
  test.each(malformed)(
    "CVE-2021-21285: a manifest with %s ends the pull, not the daemon",
    async (_, document) => {
      serve("bad:1", json(document), mediaTypes.ociManifest);
      const { pid } = daemon;
      const { code, stderr } = await pull("bad:1");
      expect(stderr).toMatch(/^(?:invalid|no matching) .+/);
      expect(code).toBe(1);
      expect(await daemon.must("version", "--format", "{{.Server.Version}}")).not.toBe("");
      expect(daemon.pid).toBe(pid);
    },
  );

  test("indexes in indexes without end", async () => {
    let digest = serve("end:0", makeImage([{ f: "f" }]).manifest, mediaTypes.ociManifest);
    for (let depth = 0; depth < 40; depth++) {
      const manifests = [{ mediaType: mediaTypes.ociIndex, digest, size: 1 }];
      digest = serve(
        "deep:1",
        json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
        mediaTypes.ociIndex,
      );
    }
    const { code, stderr } = await pull("deep:1");
    expect(stderr).toMatch(/^(?:invalid|no matching) .+/);
    expect(code).toBe(1);
  });

  test("a manifest of 20 MB", async () => {
    serve("large:1", Buffer.alloc(20_000_000, 0x20), mediaTypes.ociManifest);
    const { code, stderr } = await pull("large:1");
    expect(stderr).toMatch(/larger than|too large|exceed/);
    expect(code).toBe(1);
  });

  test("CVE-2023-25153: an archive whose index is larger than any", async () => {
    const path = join(daemon.root, "index.tar");
    writeFileSync(
      path,
      gzipSync(makeTar({ "index.json": Buffer.alloc(60_000_000, 0x20), "oci-layout": "{}" })),
    );
    const { code, stderr } = await daemon.docker("load", "-i", path);
    expect(stderr).toMatch(/larger than/);
    expect(code).toBe(1);
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1];
    expect(Number(peak)).toBeLessThan(400_000);
  });
});
