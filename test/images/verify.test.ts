import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, chmodSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeImage, serveImage, type TestImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { settled } from "../faults/stores.ts";
import { TestDaemon } from "../harness/daemon.ts";

const image = makeImage([{ "etc/one": "one", "etc/two": "two" }, { "usr/three": "three" }]);
const [base, top] = image.layers as [Layer, Layer];
type Layer = TestImage["layers"][number];

let daemon: TestDaemon;
let registry: TestRegistry;
let name: string;

beforeEach(async () => {
  registry = await TestRegistry.start();
  serveImage(registry, "app:1", image);
  name = `${registry.host}/app:1`;
  daemon = await TestDaemon.start();
  await daemon.must("pull", "-q", name);
  await daemon.end("SIGKILL");
});

afterEach(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const inData = (...parts: string[]) => join(daemon.dataRoot, ...parts);
const hex = (digest: string) => digest.slice(7);
const blobPath = ({ digest }: { digest: string }) => inData("blobs", "sha256", hex(digest));
const layerPath = ({ diffId }: Layer, ...parts: string[]) => inData("layers", hex(diffId), ...parts);

/** Verifies, and again: what was mended is sound then. */
async function verified(code: number, ...messages: (string | RegExp)[]): Promise<void> {
  const first = await daemon.verify();
  expect(first.code).toBe(code);
  for (const message of messages) expect(first.stderr).toMatch(message);
  const again = await daemon.verify();
  expect(again.code).toBe(code === 1 ? 0 : code);
  await settled(daemon.dataRoot);
}

test("a sound store is sound", async () => {
  await verified(0);
});

test("layers that were built and committed are sound", async () => {
  await daemon.launch();
  await daemon.must("pull", "-q", "busybox");
  const folder = join(daemon.root, "context");
  mkdirSync(folder);
  const steps = [
    "FROM busybox",
    "RUN mkdir -p /d/e && touch /d/e/f && rm /bin/vi",
    "RUN rm -r /d && mkdir /d",
  ];
  writeFileSync(join(folder, "Dockerfile"), steps.join("\n"));
  await daemon.must("build", "-q", "-t", "built", folder);
  await daemon.must("run", "--name", "maker", "built", "sh", "-c", "chmod 700 /d; rm -r /home; mkdir /home");
  await daemon.must("commit", "maker", "committed");
  await daemon.end("SIGTERM");
  await verified(0);
});

const changes: [what: string, change: () => void, message: string][] = [
  ["content", () => appendFileSync(layerPath(base, "etc/two"), "x"), "etc/two: other content"],
  ["a mode", () => chmodSync(layerPath(base, "etc/one"), 0o4755), "etc/one: other mode"],
  ["a file too many", () => writeFileSync(layerPath(top, "usr/four"), ""), "usr/four: should not be there"],
  ["a file too few", () => rmSync(layerPath(top, "usr/three")), "usr/three: missing"],
];
test.each(changes)("a layer in which %s has changed is unpacked again", async (_, change, message) => {
  change();
  // So that the time of the file does not tell.
  utimesSync(layerPath(base, "etc/two"), 0, 0);
  await verified(1, new RegExp(message));
});

test("a layer without its folder, folders and files without a row", async () => {
  rmSync(layerPath(base), { recursive: true });
  mkdirSync(inData("layers", "a".repeat(64), "x"), { recursive: true });
  mkdirSync(inData("layers", "stray"));
  writeFileSync(inData("blobs", "sha256", "b".repeat(64)), "b");
  await verified(1, base.diffId, /layers\/a{64}/, "layers/stray", /sha256\/b{64}/);
});

test("a blob of a layer that is corrupt or missing is fetched by the next pull", async () => {
  const bytes = Buffer.from(base.bytes);
  bytes[bytes.length - 1] = 255;
  writeFileSync(blobPath(base), bytes);
  rmSync(blobPath(top));
  await verified(
    4,
    new RegExp(`removing a blob that does not have its digest.*${base.digest}`),
    "a blob has no file",
    name,
  );
  await daemon.launch();
  await daemon.must("pull", "-q", name);
  await daemon.end("SIGTERM");
  await verified(0);
});

test("an image without its manifest is gone, and one without its configuration is named", async () => {
  writeFileSync(blobPath(image.config), "");
  await verified(4, /a blob has not its size/, "an image has no configuration");
  rmSync(blobPath(image));
  const { code, stderr } = await daemon.verify();
  expect(stderr).toContain("an image is lost");
  expect(code).toBe(1);
  await verified(0);
});

test("a store that a daemon uses is left alone", async () => {
  await daemon.launch();
  const { code, stderr } = await daemon.verify();
  expect(stderr).toContain("another daemon uses");
  expect(code).toBe(8);
});
