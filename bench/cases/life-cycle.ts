import { bareRun } from "../fixtures/bare-runtime.ts";
import type { BenchCase } from "../lib/case.ts";
import type { Contestant } from "../lib/engine.ts";

const name = "walker";
const sleep = ["busybox", "sleep", "3600"];

/** One step of a container's life, measured; what has to be there before and what is there after it is not. */
function step(
  verb: string,
  title: string,
  target: number,
  before: readonly (readonly string[])[],
  measured: (contestant: Contestant) => readonly string[],
): BenchCase {
  return {
    name: verb,
    title,
    unit: "ms",
    rounds: 20,
    target,
    async measure(contestant) {
      for (const args of before) await contestant.output(...args);
      const millis = await contestant.time(...measured(contestant));
      if (verb !== "rm") await contestant.output(...contestant.engine.removeForce, name);
      return millis;
    },
    ...(verb === "start" && { floor: bareRun() }),
  };
}

const created = ["create", "--name", name, ...sleep];
const running = ["run", "-d", "--name", name, ...sleep];

export const lifeCycleCases: readonly BenchCase[] = [
  step("create", "create", 0.5, [], () => created),
  step("start", "start", 0.12, [created], () => ["start", name]),
  step("stop", "stop -t 0", 0.25, [running], () => ["stop", "-t", "0", name]),
  step("rm", "rm -f of a running one", 0.25, [running], ({ engine }) => [...engine.removeForce, name]),
];
