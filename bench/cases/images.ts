import { rmSync } from "node:fs";
import { join } from "node:path";
import { TestRegistry } from "../../test/harness/registry.ts";
import {
  compressedArchive,
  forgetLargeImage,
  insecure,
  largeImage,
  needLargeImage,
  savedArchive,
} from "../fixtures/published-image.ts";
import type { Bench } from "../lib/bench.ts";
import type { BenchCase } from "../lib/case.ts";
import { output, time } from "../lib/command.ts";
import type { Contestant, Engine } from "../lib/engine.ts";

/** What an engine has saved. */
const savedBy = (bench: Bench, { name }: Engine) => join(bench.disk, `saved-${name}.tar`);

const synced = () => output(["sync"]);

async function seconds(millis: Promise<number>): Promise<number> {
  return (await millis) / 1000;
}

/** To a registry that has nothing yet. */
async function push(contestant: Contestant, bench: Bench): Promise<number> {
  await using empty = await TestRegistry.start();
  const target = `${empty.address}/large:1`;
  await contestant.output("tag", largeImage(bench), target);
  await synced();
  const taken = await seconds(contestant.time("push", "-q", ...insecure(contestant.engine), target));
  await contestant.output("rmi", target);
  return taken;
}

const common = { unit: "s", rounds: 5, prepare: needLargeImage } as const;

export const imageCases: readonly BenchCase[] = [
  {
    ...common,
    name: "pull",
    title: "pull, 300 MB, 5 layers, 15,000 files",
    target: 0.45,
    async measure(contestant, bench) {
      await forgetLargeImage(contestant.engine, bench);
      return seconds(contestant.time("pull", "-q", ...insecure(contestant.engine), largeImage(bench)));
    },
    floor: {
      what: "skopeo copy",
      async measure(bench) {
        const target = join(bench.disk, "copied");
        rmSync(target, { recursive: true, force: true });
        await synced();
        const source = `docker://${largeImage(bench)}`;
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
      return seconds(contestant.time("save", "-o", file, largeImage(bench)));
    },
  },
  {
    ...common,
    name: "load",
    title: "load of the same, layers plain",
    target: 0.45,
    async prepare(engine, bench) {
      await needLargeImage(engine, bench);
      await savedArchive(bench);
    },
    async measure(contestant, bench) {
      await forgetLargeImage(contestant.engine, bench);
      return seconds(contestant.time("load", "-q", "-i", await savedArchive(bench)));
    },
    floor: {
      what: "tar x of the layers",
      async measure(bench) {
        const target = join(bench.disk, "unpacked");
        rmSync(target, { recursive: true, force: true });
        await synced();
        const archive = await savedArchive(bench);
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
      await forgetLargeImage(contestant.engine, bench);
      return seconds(contestant.time("load", "-q", "-i", compressedArchive(bench)));
    },
  },
];
