import { bareExec } from "../fixtures/bare-runtime.ts";
import type { BenchCase } from "../lib/case.ts";
import { call } from "../lib/engine.ts";

export const execCases: readonly BenchCase[] = [
  {
    name: "exec",
    title: "exec true",
    unit: "ms",
    rounds: 20,
    target: 0.35,
    prepare: (engine) => call(engine, "run", "-d", "--name", "target", "busybox", "sleep", "3600"),
    measure: (contestant) => contestant.time("exec", "target", "true"),
    cleanUp: (engine) => call(engine, ...engine.removeForce, "target"),
    floor: bareExec(),
  },
];
