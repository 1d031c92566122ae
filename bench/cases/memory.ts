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

/** Its share of each container that runs. */
async function memoryPerContainer(engine: Engine): Promise<number> {
  const before = await memoryAtRest(engine);
  const name = (at: number) => `runs-${at}`;
  await inParallel(running, atOnce, (at) =>
    call(engine, "run", "-d", "--name", name(at), "busybox", "sleep", "3600"),
  );
  const after = await memoryAtRest(engine);
  await inParallel(running, atOnce, (at) => call(engine, ...engine.removeForce, name(at)));
  return (after - before) / running;
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
    measure: ({ engine }) => memoryPerContainer(engine),
  },
];
