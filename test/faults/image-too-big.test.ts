import { afterAll, beforeAll, expect, test } from "bun:test";
import { statfsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { encodeHeader } from "../../src/archive/tar-encoder.ts";
import { tarEntry } from "../../src/archive/tar-entry.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { imageOf, imageOfBlobs, makeTar, noise, serveImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";
import { settled } from "./stores.ts";

const megabyte = 1_000_000;
let folder: string;
let daemon: TestDaemon;
let registry: TestRegistry;

/** The data root is an ext4 of 64 MB in a file. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "longshore-small-"));
  const script = 'truncate -s 64M "$1.img" && mkfs.ext4 -q -F "$1.img" && mount -o loop "$1.img" "$1"';
  const { code, stderr } = await run(["sh", "-c", script, "sh", folder]);
  if (code !== 0) throw new Error(stderr);
  daemon = await TestDaemon.start({ dataRoot: join(folder, "data"), images: ["busybox"] });
  registry = await TestRegistry.start();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await run(["umount", folder]);
  await rm(folder, { recursive: true });
  await rm(`${folder}.img`);
});

const free = async () => {
  await run(["sync", "-f", folder]);
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};

/** The store is as before: what was there works, what did not fit is gone, and so is its space. */
async function unchanged(before: {
  free: number;
  stored: Awaited<ReturnType<typeof settled>>;
}): Promise<void> {
  expect(await settled(daemon.dataRoot)).toEqual(before.stored);
  // Journal and inode tables take a few blocks.
  expect(before.free - (await free())).toBeLessThan(megabyte);
  expect(await daemon.must("run", "--rm", "busybox", "echo", "works")).toBe("works");
  expect((await daemon.verify()).code).toBe(8);
}

const now = async () => ({ free: await free(), stored: await settled(daemon.dataRoot) });

/** What does not fit: the layers as they come, or what is in them. */
const images: [what: string, layers: () => Uint8Array[]][] = [
  ["layers", () => [1, 2, 3].map((seed) => makeTar({ [`f${seed}`]: noise(15 * megabyte, seed) }))],
  ["files", () => [makeTar({ small: "x" }), makeTar({ f: new Uint8Array(80 * megabyte) })]],
  ["inodes", () => [makeTar(Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`f${at}`, ""])))]],
];

test.each(images)("a pull whose %s do not fit says so, and leaves nothing", async (what, layers) => {
  serveImage(registry, `${what}:1`, imageOf(layers()));
  const before = await now();
  const { stderr, code } = await daemon.docker("pull", `${registry.host}/${what}:1`);
  expect(stderr).toContain("no space left on device");
  expect(code).toBe(1);
  await unchanged(before);
});

test("a bomb of 10 GB in 10 MB is stopped by the end of the disk, and leaves nothing", async () => {
  const size = 10 * 1024 * megabyte;
  const header = encodeHeader(tarEntry({ name: "bomb", type: "file", size }));
  const member = gzipSync(Buffer.alloc(64 * megabyte));
  const layer = Buffer.concat([
    gzipSync(header),
    ...Array.from({ length: size / (64 * megabyte) }, () => member),
  ]);
  expect(layer.length).toBeLessThan(11 * megabyte);
  const digest = sha256Of(layer);
  serveImage(registry, "bomb:1", imageOfBlobs([{ digest, diffId: digest, bytes: layer }]));
  const before = await now();
  const { stderr, code } = await daemon.docker("pull", `${registry.host}/bomb:1`);
  expect(stderr).toContain("no space left on device");
  expect(code).toBe(1);
  await unchanged(before);
});

test.each(images)("an archive whose %s do not fit says so, and leaves nothing", async (what, layers) => {
  const image = imageOf(layers());
  const files = Object.fromEntries(image.layers.map(({ bytes }, at) => [`${at}.tar.gz`, bytes]));
  const manifest = [{ Config: "config.json", RepoTags: [`${what}:2`], Layers: Object.keys(files) }];
  const archive = makeTar({
    ...files,
    "config.json": image.config.bytes,
    "manifest.json": JSON.stringify(manifest),
  });
  const path = join(daemon.root, `${what}.tar`);
  writeFileSync(path, archive);
  const before = await now();
  const { stderr, code } = await daemon.docker("load", "-i", path);
  expect(stderr).toMatch(/: no space left on device\n$/);
  expect(code).toBe(1);
  await unchanged(before);
});
