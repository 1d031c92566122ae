import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { makeImage, noise, serveImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { settled } from "../faults/stores.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

let daemon: TestDaemon;
let registry: TestRegistry;

beforeAll(async () => {
  registry = await TestRegistry.start();
  daemon = await TestDaemon.start({ images: ["busybox"] });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

async function du(...names: string[]): Promise<number> {
  const paths = names.map((name) => join(daemon.dataRoot, name));
  const { stdout } = await run(["sh", "-c", 'sync -f "$1"; du -sB1 --total "$@" | tail -1', "du", ...paths]);
  return Number.parseInt(stdout, 10);
}

interface Usage {
  TotalSize: number;
  Reclaimable: number;
}

async function usage(): Promise<Record<"ImageUsage" | "ContainerUsage" | "VolumeUsage", Usage>> {
  const answer = await fetch("http://docker/v1.52/system/df", { unix: daemon.socket });
  return (await answer.json()) as Awaited<ReturnType<typeof usage>>;
}

const imageFolders = ["blobs", "layers", "ingest", "trash"];

test("system df says what du says of the data root", async () => {
  const shared = { big: noise(300_000, 1) };
  const small = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`f${at}`, `${at}`]));
  serveImage(registry, "one:1", makeImage([shared, small]));
  serveImage(registry, "two:1", makeImage([shared, { other: noise(100_000, 2) }]));
  for (const name of ["one:1", "two:1"]) await daemon.must("pull", "-q", `${registry.host}/${name}`);
  await daemon.must("volume", "create", "vol");
  const script =
    "dd if=/dev/zero of=/big bs=64k count=20; ln /big /again; dd if=/dev/zero of=/v/f bs=4k count=9";
  await daemon.must("run", "--name", "writer", "-v", "vol:/v", "busybox", "sh", "-c", script);
  const { ImageUsage, ContainerUsage, VolumeUsage } = await usage();
  expect(ImageUsage.TotalSize).toBe(await du(...imageFolders));
  expect(ContainerUsage.TotalSize).toBe(await du("containers"));
  expect(VolumeUsage.TotalSize).toBe(await du("volumes"));
  const total = ImageUsage.TotalSize + ContainerUsage.TotalSize + VolumeUsage.TotalSize;
  const counted = [...imageFolders, "containers", "volumes"];
  const others = readdirSync(daemon.dataRoot).filter((name) => !counted.includes(name));
  expect(others.filter((name) => !/^(?:longshore\.db|dockerd\.lock|events\.log)/.test(name))).toEqual([]);
  const own = statSync(daemon.dataRoot).blocks * 512;
  expect(total + (await du(...others)) + own).toBe(await du("."));
});

test("what is said to be reclaimable is what a prune brings", async () => {
  const before = await du(...imageFolders);
  const { Reclaimable } = (await usage()).ImageUsage;
  await daemon.must("image", "prune", "-af");
  await settled(daemon.dataRoot);
  expect(before - (await du(...imageFolders))).toBe(Reclaimable);
  expect((await usage()).ImageUsage.Reclaimable).toBe(0);
});
