import { bareRun } from "../fixtures/bare-runtime.ts";
import type { BenchCase, Floor } from "../lib/case.ts";
import { inParallel } from "../lib/command.ts";

const parallelRuns = { count: 50, width: 8 };

const removed = (
  name: string,
  title: string,
  target: number,
  options: string[],
  floor: Floor,
): BenchCase => ({
  name,
  title,
  unit: "ms",
  rounds: 20,
  target,
  measure: (contestant) => contestant.time("run", "--rm", ...options, "hello-world"),
  floor,
});

/** Seconds that fifty runs take together. */
async function many(run: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await inParallel(parallelRuns.count, parallelRuns.width, run);
  return (performance.now() - begun) / 1000;
}

const bare = bareRun();

export const runCases: readonly BenchCase[] = [
  removed("run-bridge", "run --rm hello-world, bridge", 0.12, [], bareRun()),
  removed("run-none", "run --rm, --network none", 0.15, ["--network", "none"], bareRun()),
  removed("run-host", "run --rm, --network host", 0.2, ["--network", "host"], bareRun("host")),
  {
    name: "run-detached",
    title: "run -d, bridge",
    unit: "ms",
    rounds: 20,
    target: 0.15,
    async measure(contestant) {
      const millis = await contestant.time("run", "-d", "--name", "detached", "busybox", "sleep", "3600");
      await contestant.output(...contestant.engine.removeForce, "detached");
      return millis;
    },
    floor: bareRun(),
  },
  {
    name: "run-parallel",
    title: "50 runs --rm, 8 at a time, bridge",
    unit: "s",
    rounds: 3,
    target: 0.12,
    measure: (contestant) => many(() => contestant.time("run", "--rm", "hello-world")),
    floor: { ...bare, what: "50 crun run, 8 at a time", measure: (bench) => many(() => bare.measure(bench)) },
  },
];
