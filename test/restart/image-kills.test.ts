import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mount, mountFlags, unmount } from "../../src/linux/mount.ts";
import { makeImage, noise, serveImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { settled } from "../faults/stores.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

/** Of each policy. `LONGSHORE_KILLS=100 LONGSHORE_SEED=7 npm test -- test/restart/image-kills` repeats a run, or makes it longer. */
const kills = Number(process.env.LONGSHORE_KILLS ?? 6);
const seed = Number(process.env.LONGSHORE_SEED ?? Date.now() % 1_000_000);

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

/** A registry with two images, and a daemon whose data root is in memory: deleting many files again and again would take most of the time. */
class Scene implements AsyncDisposable {
  readonly registry: TestRegistry;
  readonly daemon: TestDaemon;
  readonly #folder: string;

  private constructor(registry: TestRegistry, daemon: TestDaemon, folder: string) {
    this.registry = registry;
    this.daemon = daemon;
    this.#folder = folder;
  }

  static async open(flags: readonly string[]): Promise<Scene> {
    const registry = await TestRegistry.start();
    serveImage(registry, "app:1", makeImage([shared, many("one"), { x: noise(2_000_000, 2) }]));
    serveImage(registry, "app:2", makeImage([shared, many("two")]));
    const folder = await mkdtemp(join(tmpdir(), "longshore-kills-"));
    mount("tmpfs", folder, "tmpfs", mountFlags.noDev | mountFlags.noSuid, "size=128m");
    const daemon = await TestDaemon.start({ flags, images: ["busybox"], dataRoot: join(folder, "data") });
    const scene = new Scene(registry, daemon, folder);
    await scene.pullAll();
    await daemon.must("save", "-o", scene.#archive, `${registry.host}/app`);
    return scene;
  }

  get images(): string[] {
    return ["1", "2"].map((tag) => `${this.registry.host}/app:${tag}`);
  }

  get #archive(): string {
    return join(this.daemon.root, "archive.tar");
  }

  get operations(): Record<string, Operation> {
    const { daemon, images } = this;
    return {
      pull: {
        prepare: () => this.removeAll(),
        start: () => Promise.all(images.map((name) => daemon.docker("pull", "-q", name))),
        millis: 400,
      },
      load: {
        prepare: () => this.removeAll(),
        start: () => daemon.docker("load", "-q", "-i", this.#archive),
        millis: 300,
      },
      rmi: { prepare: () => this.loadAll(), start: () => this.removeAll(), millis: 80 },
      // What becomes of compressed layers is decided half a second after a pull.
      after: {
        prepare: () => this.pullAll(),
        start: () => Bun.sleep(450),
        millis: 900,
      },
      "rmi of what was pulled": {
        prepare: () => this.pullAll().then(() => Bun.sleep(700)),
        start: () => this.removeAll(),
        millis: 80,
      },
      prune: {
        prepare: () => this.loadAll(),
        start: () => daemon.docker("image", "prune", "-af"),
        millis: 80,
      },
    };
  }

  removeAll() {
    return this.daemon.docker("rmi", "-f", ...this.images);
  }

  async pullAll(): Promise<void> {
    for (const name of this.images) await this.daemon.must("pull", "-q", name);
  }

  loadAll() {
    return this.daemon.must("load", "-q", "-i", this.#archive);
  }

  /** What `du` says of the image store, and what the daemon says. */
  async usages(): Promise<{ du: number; df: number }> {
    const { dataRoot, socket } = this.daemon;
    const paths = ["blobs", "layers", "ingest", "trash"].map((name) => join(dataRoot, name));
    const answer = await fetch("http://docker/v1.52/system/df?type=image", { unix: socket });
    const { ImageUsage } = (await answer.json()) as { ImageUsage: { TotalSize: number } };
    const { stdout } = await run(["sh", "-c", 'du -sB1 --total "$@" | tail -1', "du", ...paths]);
    return { du: Number.parseInt(stdout, 10), df: ImageUsage.TotalSize };
  }

  /** The same, when compressed layers that are no longer kept have gone: between the two answers, too. */
  async agreedUsages(): Promise<{ du: number; df: number }> {
    for (let attempt = 0; ; attempt++) {
      const usages = await this.usages();
      if (usages.du === usages.df || attempt === 20) return usages;
      await Bun.sleep(100);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
    unmount(this.#folder);
    await rm(this.#folder, { recursive: true });
  }
}

interface Operation {
  /** Brings the store to where the operation has something to do. */
  prepare: () => Promise<unknown>;
  start: () => Promise<unknown>;
  /** What it mostly takes. */
  millis: number;
}

const policies: readonly (readonly [policy: string, flags: readonly string[]])[] = [
  ["compressed layers kept", []],
  ["compressed layers dropped", ["--keep-layer-blobs=false"]],
];

test.each(policies)(
  `kill -9 in pull, load, rmi and prune leaves a sound store, %s (${kills} kills, seed ${seed})`,
  async (_policy, flags) => {
    await using scene = await Scene.open(flags);
    const { daemon, operations } = scene;
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
      const { du, df } = await scene.usages();
      expect({ killed, du }).toEqual({ killed, du: df });
      await daemon.end("SIGKILL");
      const { code, stderr } = await daemon.verify();
      expect({ killed, code, stderr }).toEqual({ killed, code: 0, stderr: "" });
      await daemon.launch();
    }
    await scene.removeAll();
    await scene.loadAll();
    for (const name of scene.images) await daemon.must("image", "inspect", name);
  },
  1_200_000,
);
