import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "../lib/bench.ts";
import type { BenchCase } from "../lib/case.ts";
import { output, time } from "../lib/command.ts";
import { type Contestant, call, type Engine } from "../lib/engine.ts";

const folders = 50;
const filesPerFolder = 100;
const fileSize = 100_000;

/** 500 MB in 5,000 files. */
function tree(bench: Bench): string {
  const root = join(bench.disk, "tree");
  if (existsSync(root)) return root;
  const bytes = Buffer.alloc(fileSize, "what is in a file ");
  for (let folder = 0; folder < folders; folder++) {
    const path = join(root, `folder-${folder}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < filesPerFolder; file++) writeFileSync(join(path, `file-${file}`), bytes);
  }
  return root;
}

const name = "holder";
const target = (bench: Bench) => join(bench.disk, "copied-out");

async function copyIn(contestant: Contestant, bench: Bench): Promise<number> {
  const { engine } = contestant;
  await call(engine, "create", "--name", name, "busybox");
  await output(["sync"]);
  const millis = await contestant.time("cp", tree(bench), `${name}:/`);
  await call(engine, "rm", name);
  return millis / 1000;
}

async function copyOut(contestant: Contestant, bench: Bench): Promise<number> {
  rmSync(target(bench), { recursive: true, force: true });
  await output(["sync"]);
  return (await contestant.time("cp", `${name}:/tree`, target(bench))) / 1000;
}

async function holder(engine: Engine, bench: Bench): Promise<void> {
  await call(engine, "create", "--name", name, "busybox");
  await call(engine, "cp", tree(bench), `${name}:/`);
}

const floor = {
  what: "cp -r",
  async measure(bench: Bench) {
    rmSync(target(bench), { recursive: true, force: true });
    await output(["sync"]);
    return (await time(["cp", "-r", tree(bench), target(bench)])) / 1000;
  },
};

export const copyCases: readonly BenchCase[] = [
  {
    name: "cp-in",
    title: "cp of a 500 MB tree into a container",
    unit: "s",
    rounds: 3,
    measure: copyIn,
    floor,
  },
  {
    name: "cp-out",
    title: "cp of a 500 MB tree out of a container",
    unit: "s",
    rounds: 3,
    prepare: holder,
    measure: copyOut,
    cleanUp: (engine) => call(engine, "rm", name),
    floor,
  },
];
