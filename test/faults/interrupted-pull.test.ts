import { afterAll, beforeAll, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { makeImage, noise, serveImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";
import { settled } from "./stores.ts";

let daemon: TestDaemon;
let registry: TestRegistry;

beforeAll(async () => {
  registry = await TestRegistry.start();
  daemon = await TestDaemon.start();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const half = 3_000_000;

/** Begins a pull whose layer stops in the middle; resolves when it does. */
async function begin(name: string, seed: number) {
  const image = makeImage([{ big: noise(2 * half, seed) }]);
  const digest = image.layers[0]?.digest ?? "";
  serveImage(registry, name, image);
  registry.decide = ({ path, headers }) =>
    path.endsWith(digest) && headers.range === undefined ? { stallAt: half } : undefined;
  const client = Bun.spawn([daemon.client, "pull", `${registry.host}/${name}`], {
    env: { ...process.env, ...daemon.env },
    stdout: "ignore",
    stderr: "ignore",
  });
  await until("half of the layer has come", () => registry.count("GET", new RegExp(digest)) === 1);
  // What the registry has sent is not yet what the daemon has read and written.
  await until("some of it is on the disk", () => partOf(digest) > 0);
  return { client, digest };
}

function partOf(digest: string): number {
  return (
    statSync(join(daemon.dataRoot, "ingest", digest.replace(":", "-")), { throwIfNoEntry: false })?.size ?? 0
  );
}

async function goesOn(name: string, digest: string): Promise<void> {
  const { parts, images: before } = await settled(daemon.dataRoot);
  expect(before.filter((image) => image.endsWith(`/${name}`))).toEqual([]);
  const held = parts[digest.replace(":", "-")] ?? 0;
  expect(held).toBeGreaterThan(0);
  expect(held).toBeLessThanOrEqual(half);
  await daemon.must("pull", `${registry.host}/${name}`);
  const asked = registry.requests.filter(({ path }) => path.endsWith(digest));
  expect(asked.at(-1)?.headers.range).toBe(`bytes=${held}-`);
  const { parts: left, images } = await settled(daemon.dataRoot);
  expect(left).toEqual({});
  expect(images.some((image) => image.endsWith(`/${name}`))).toBe(true);
}

test("a pull that its user has interrupted goes on where it stopped", async () => {
  const { client, digest } = await begin("interrupted:1", 1);
  client.kill("SIGINT");
  expect(await client.exited).not.toBe(0);
  await goesOn("interrupted:1", digest);
});

test("a pull whose daemon was killed goes on where it stopped", async () => {
  const { client, digest } = await begin("killed:1", 2);
  await daemon.end("SIGKILL");
  await client.exited;
  await daemon.launch();
  await goesOn("killed:1", digest);
});
