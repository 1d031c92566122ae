import { rmSync } from "node:fs";
import { join } from "node:path";
import { TestRegistry } from "../../test/harness/registry.ts";
import { writeLargeImage } from "../fixtures/large-image.ts";
import type { Bench } from "../lib/bench.ts";
import type { BenchCase } from "../lib/case.ts";
import { output, time } from "../lib/command.ts";
import { type Contestant, call, type Engine } from "../lib/engine.ts";

const imageOf = (bench: Bench) => `${bench.registry}/large:1`;
/** What `docker load` takes, its layers compressed. */
const archiveOf = (bench: Bench) => join(bench.disk, "large.tar");
/** What an engine has saved. */
const savedBy = (bench: Bench, { name }: Engine) => join(bench.disk, `saved-${name}.tar`);

/** The image in the registry, and so once for all engines. */
async function publish(bench: Bench): Promise<void> {
  if (await Bun.file(archiveOf(bench)).exists()) return;
  writeLargeImage(archiveOf(bench), imageOf(bench));
  const [first] = bench.engines;
  if (!first) return;
  await call(first, "load", "-q", "-i", archiveOf(bench));
  await call(first, "push", "-q", imageOf(bench));
}

async function need(engine: Engine, bench: Bench): Promise<void> {
  await publish(bench);
  await call(engine, "pull", "-q", ...insecure(engine), imageOf(bench));
}

const insecure = ({ name }: Engine) => (name === "podman" ? ["--tls-verify=false"] : []);
const synced = () => output(["sync"]);

/** Without the image, and with nothing waiting to be written. */
async function forget({ engine }: Contestant, bench: Bench): Promise<void> {
  await call(engine, "rmi", "-f", imageOf(bench));
  await synced();
}

async function seconds(millis: Promise<number>): Promise<number> {
  return (await millis) / 1000;
}

/** To a registry that has nothing yet. */
async function push(contestant: Contestant, bench: Bench): Promise<number> {
  await using empty = await TestRegistry.start();
  const target = `${empty.address}/large:1`;
  await contestant.output("tag", imageOf(bench), target);
  await synced();
  const taken = await seconds(contestant.time("push", "-q", ...insecure(contestant.engine), target));
  await contestant.output("rmi", target);
  return taken;
}

const common = { unit: "s", rounds: 5, prepare: need } as const;

export const imageCases: readonly BenchCase[] = [
  {
    ...common,
    name: "pull",
    title: "pull, 300 MB, 5 layers, 15,000 files",
    target: 0.45,
    async measure(contestant, bench) {
      await forget(contestant, bench);
      return seconds(contestant.time("pull", "-q", ...insecure(contestant.engine), imageOf(bench)));
    },
    floor: {
      what: "skopeo copy",
      async measure(bench) {
        const target = join(bench.disk, "copied");
        rmSync(target, { recursive: true, force: true });
        await synced();
        const source = `docker://${imageOf(bench)}`;
        return seconds(time(["skopeo", "copy", "-q", "--src-tls-verify=false", source, `dir:${target}`]));
      },
    },
  },
  { ...common, name: "push", title: "push of the same", target: 0.15, measure: push },
  {
    ...common,
    name: "save",
    title: "save of the same",
    target: 0.3,
    async measure(contestant, bench) {
      const file = savedBy(bench, contestant.engine);
      rmSync(file, { force: true });
      await synced();
      return seconds(contestant.time("save", "-o", file, imageOf(bench)));
    },
  },
  {
    ...common,
    name: "load",
    title: "load of the same, layers plain",
    target: 0.45,
    async prepare(engine, bench) {
      await need(engine, bench);
      await plainArchive(bench);
    },
    async measure(contestant, bench) {
      await forget(contestant, bench);
      return seconds(contestant.time("load", "-q", "-i", await plainArchive(bench)));
    },
    floor: {
      what: "tar x of the layers",
      async measure(bench) {
        const target = join(bench.disk, "unpacked");
        rmSync(target, { recursive: true, force: true });
        await synced();
        const archive = await plainArchive(bench);
        const script = `mkdir -p ${target}/all && cd ${target} && tar xf ${archive} && find . -name layer.tar -size +1k -exec tar xf {} -C all \\;`;
        return seconds(time(["sh", "-c", script]));
      },
    },
  },
  {
    ...common,
    name: "load-gzip",
    title: "load of the same, layers gzip",
    async measure(contestant, bench) {
      await forget(contestant, bench);
      return seconds(contestant.time("load", "-q", "-i", archiveOf(bench)));
    },
  },
];

/** The archive as Docker saves it, its layers plain; made once, by the last engine that saves so (ours does where it is alone). */
async function plainArchive(bench: Bench): Promise<string> {
  const engine = bench.engines.find(({ name }) => name === "docker.io") ?? bench.engines[0];
  if (!engine) throw new Error("there is no engine");
  const file = join(bench.disk, "plain.tar");
  if (!(await Bun.file(file).exists())) {
    await need(engine, bench);
    await call(engine, "save", "-o", file, imageOf(bench));
  }
  return file;
}
