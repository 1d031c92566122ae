import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mount, mountFlags, unmount } from "../../src/linux/mount.ts";
import { makeImage, noise, serveImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { settled } from "../faults/stores.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

/** `LONGSHORE_KILLS=100 LONGSHORE_SEED=7 npm test -- test/restart/image-kills` repeats a run, or makes it longer. */
const kills = Number(process.env.LONGSHORE_KILLS ?? 12);
const seed = Number(process.env.LONGSHORE_SEED ?? Date.now() % 1_000_000);

let daemon: TestDaemon;
let registry: TestRegistry;
let archive: string;
/** In memory: deleting many files again and again would take most of the time. */
let folder: string;

/** Numbers from 0 to 1, the same for the same seed. */
function* random(start: number): Generator<number, never> {
  for (let state = start + 1; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

const many = (prefix: string) =>
  Object.fromEntries(Array.from({ length: 800 }, (_, at) => [`${prefix}/f${at}`, `${prefix} ${at}`]));
const shared = { ...many("shared"), big: noise(3_000_000, 1) };

beforeAll(async () => {
  registry = await TestRegistry.start();
  serveImage(registry, "app:1", makeImage([shared, many("one"), { x: noise(2_000_000, 2) }]));
  serveImage(registry, "app:2", makeImage([shared, many("two")]));
  folder = await mkdtemp(join(tmpdir(), "longshore-kills-"));
  mount("tmpfs", folder, "tmpfs", mountFlags.noDev | mountFlags.noSuid, "size=128m");
  daemon = await TestDaemon.start({ images: ["busybox"], dataRoot: join(folder, "data") });
  archive = join(daemon.root, "archive.tar");
  for (const tag of ["1", "2"]) await daemon.must("pull", "-q", `${registry.host}/app:${tag}`);
  await daemon.must("save", "-o", archive, `${registry.host}/app`);
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  unmount(folder);
  await rm(folder, { recursive: true });
});

const images = () => ["1", "2"].map((tag) => `${registry.host}/app:${tag}`);
const removeAll = () => daemon.docker("rmi", "-f", ...images());
const loadAll = () => daemon.must("load", "-q", "-i", archive);

interface Operation {
  /** Brings the store to where the operation has something to do. */
  prepare: () => Promise<unknown>;
  start: () => Promise<unknown>;
  /** What it mostly takes. */
  millis: number;
}

const operations: Record<string, Operation> = {
  pull: {
    prepare: removeAll,
    start: () => Promise.all(images().map((name) => daemon.docker("pull", "-q", name))),
    millis: 400,
  },
  load: { prepare: removeAll, start: () => daemon.docker("load", "-q", "-i", archive), millis: 300 },
  rmi: { prepare: loadAll, start: removeAll, millis: 80 },
  prune: { prepare: loadAll, start: () => daemon.docker("image", "prune", "-af"), millis: 80 },
};

/** What `du` says of the image store, and what the daemon says. */
async function usages(): Promise<[du: number, df: number]> {
  const paths = ["blobs", "layers", "ingest", "trash"].map((name) => join(daemon.dataRoot, name));
  const answer = await fetch("http://docker/v1.52/system/df?type=image", { unix: daemon.socket });
  const { ImageUsage } = (await answer.json()) as { ImageUsage: { TotalSize: number } };
  const { stdout } = await run(["sh", "-c", 'du -sB1 --total "$@" | tail -1', "du", ...paths]);
  return [Number.parseInt(stdout, 10), ImageUsage.TotalSize];
}

test(`kill -9 in pull, load, rmi and prune leaves a sound store (${kills} kills, seed ${seed})`, async () => {
  const numbers = random(seed);
  const names = Object.keys(operations);
  for (let round = 0; round < kills; round++) {
    const { prepare, start, millis } = operations[names[round % names.length] ?? ""] as Operation;
    await prepare();
    const moment = numbers.next().value * millis;
    const work = start();
    await Bun.sleep(moment);
    await daemon.end("SIGKILL");
    await work;
    const killed = `round ${round}: ${names[round % names.length]} killed after ${moment.toFixed(0)} ms`;
    await daemon.launch();
    await settled(daemon.dataRoot);
    const [du, df] = await usages();
    expect({ killed, du }).toEqual({ killed, du: df });
    await daemon.end("SIGKILL");
    const { code, stderr } = await daemon.verify();
    expect({ killed, code, stderr }).toEqual({ killed, code: 0, stderr: "" });
    await daemon.launch();
  }
  await removeAll();
  await loadAll();
  for (const name of images()) await daemon.must("image", "inspect", name);
}, 1_200_000);
