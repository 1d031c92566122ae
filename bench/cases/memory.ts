import type { BenchCase } from "../lib/case.ts";
import { inParallel } from "../lib/command.ts";
import { call, type Engine } from "../lib/engine.ts";
import { memoryOf } from "../lib/processes.ts";

const running = 50;
const atOnce = 4;
/** What an engine frees by itself, it frees in this time, in milliseconds. */
const restMillis = 3000;

async function memoryAtRest(engine: Engine): Promise<number> {
  await Bun.sleep(restMillis);
  return memoryOf(engine.processes());
}

const name = (at: number) => `runs-${at}`;

const start = (engine: Engine) =>
  inParallel(running, atOnce, (at) =>
    call(engine, "run", "-d", "--name", name(at), "busybox", "sleep", "3600"),
  );

const remove = (engine: Engine) =>
  inParallel(running, atOnce, (at) => call(engine, ...engine.removeForce, name(at)));

/** Its share of each container that runs. */
async function memoryPerContainer(engine: Engine): Promise<number> {
  const before = await memoryAtRest(engine);
  await start(engine);
  const after = await memoryAtRest(engine);
  await remove(engine);
  return (after - before) / running;
}

/** What an engine compiles, caches and sets aside when it is at work for the first time is not for each container. */
async function warmUp(engine: Engine): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await start(engine);
    await remove(engine);
  }
}

export const memoryCases: readonly BenchCase[] = [
  {
    name: "memory-idle",
    title: "idle memory after a start and a run, daemon and helpers",
    unit: "MB",
    rounds: 3,
    target: 0.75,
    takesPart: ({ isFirst, engine }) => isFirst && engine.daemon !== undefined,
    async measure({ engine }) {
      await engine.daemon?.stop();
      await engine.daemon?.start();
      await call(engine, "run", "--rm", "hello-world");
      return memoryAtRest(engine);
    },
  },
  {
    name: "memory-container",
    title: "memory of the engine per running container",
    unit: "MB",
    rounds: 2,
    target: 0.03,
    takesPart: ({ isFirst }) => isFirst,
    prepare: warmUp,
    measure: ({ engine }) => memoryPerContainer(engine),
  },
];
