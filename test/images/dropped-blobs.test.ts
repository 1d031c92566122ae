import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { makeImage, noise, serveImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { settled } from "../faults/stores.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { run, until } from "../harness/process.ts";

/** A daemon that does not keep layers compressed, and the registry that has them. */
let daemon: TestDaemon;
let registry: TestRegistry;
const image = makeImage([{ big: noise(300_000, 1) }, { small: "x" }]);
const layers = image.layers.map(({ digest }) => digest.slice("sha256:".length));
let name: string;

beforeAll(async () => {
  registry = await TestRegistry.start();
  daemon = await TestDaemon.start({ flags: ["--keep-layer-blobs=false"] });
  serveImage(registry, "app:1", image);
  name = `${registry.host}/app:1`;
  await daemon.must("pull", "-q", name);
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const kept = () => readdirSync(join(daemon.dataRoot, "blobs/sha256")).filter((hex) => layers.includes(hex));
const dropped = () => until("the compressed layers are gone", () => kept().length === 0);
const fetched = () =>
  registry.requests.filter(({ method, path }) => method === "GET" && path.includes("/blobs/"));

async function du(): Promise<number> {
  const paths = ["blobs", "layers", "ingest", "trash"].map((folder) => join(daemon.dataRoot, folder));
  const { stdout } = await run(["sh", "-c", 'sync -f "$1"; du -sB1 --total "$@" | tail -1', "du", ...paths]);
  return Number.parseInt(stdout, 10);
}

async function df(): Promise<number> {
  const answer = await fetch("http://docker/v1.52/system/df?type=image", { unix: daemon.socket });
  return ((await answer.json()) as { ImageUsage: { TotalSize: number } }).ImageUsage.TotalSize;
}

test("layers that a registry gives again are kept only unpacked, and du says what system df says", async () => {
  await dropped();
  await settled(daemon.dataRoot);
  expect(await df()).toBe(await du());
  const before = fetched().length;
  expect(await daemon.must("pull", name)).toContain("Image is up to date");
  expect(fetched().length).toBe(before);
});

test("a push elsewhere and a save give what was pulled, byte for byte", async () => {
  const elsewhere = `${daemon.registry.address}/moved/app:1`;
  await daemon.must("tag", name, elsewhere);
  expect(await daemon.must("push", elsewhere)).toContain(`1: digest: ${image.digest} size:`);
  for (const { digest, bytes } of image.layers) {
    const answer = await fetch(`${daemon.registry.url}/v2/moved/app/blobs/${digest}`);
    expect(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true);
  }
  await dropped();
  const archive = join(daemon.root, "saved.tar");
  await daemon.must("save", "-o", archive, name);
  const { stdout } = await run(["tar", "-tf", archive]);
  for (const hex of layers) expect(stdout).toContain(`blobs/sha256/${hex}`);
  await dropped();
});

test("another image with the same layer fetches only its own, and what was made of it outlives it", async () => {
  const [shared] = image.layers;
  if (!shared) throw new Error("no layer");
  serveImage(registry, "other:1", makeImage([{ big: noise(300_000, 1) }, { own: "y" }]));
  const before = fetched().length;
  await daemon.must("pull", "-q", `${registry.host}/other:1`);
  const paths = fetched()
    .slice(before)
    .map(({ path }) => path);
  expect(paths.some((path) => path.endsWith(shared.digest))).toBe(false);
  await daemon.must("create", "--name", "maker", name, "/x");
  await daemon.must("commit", "maker", "made:1");
  await daemon.must("rm", "maker");
  await dropped();
  await daemon.must("rmi", name, `${registry.host}/other:1`, `${daemon.registry.address}/moved/app:1`);
  const target = `${daemon.registry.address}/moved/made:1`;
  await daemon.must("tag", "made:1", target);
  await daemon.must("push", "-q", target);
});

test("the check finds it sound; what no registry gives any more is told by a save", async () => {
  const gone = makeImage([{ only: noise(50_000, 5) }]);
  serveImage(registry, "gone:1", gone);
  await daemon.must("pull", "-q", `${registry.host}/gone:1`);
  const hex = gone.layers[0]?.digest.slice("sha256:".length) ?? "";
  await until("it is dropped", () => !readdirSync(join(daemon.dataRoot, "blobs/sha256")).includes(hex));
  await daemon.end("SIGTERM");
  expect((await daemon.verify()).code).toBe(0);
  await daemon.launch();
  for (const { digest } of gone.layers) registry.blobs.delete(digest);
  const failed = await daemon.docker("save", "-o", join(daemon.root, "gone.tar"), `${registry.host}/gone:1`);
  expect(failed.stderr).toContain(
    "is not kept compressed (keep-layer-blobs is false), and cannot be fetched again",
  );
  expect(failed.stderr).toContain(`${registry.host}/gone: `);
  expect(failed.code).toBe(1);
});
