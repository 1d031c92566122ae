import type { BenchCase } from "../lib/case.ts";
import { call } from "../lib/engine.ts";

const listing = (containers: number, target?: number): BenchCase => ({
  name: `ps-${containers}`,
  title: containers === 1000 ? "ps -a, 1,000 that do not run" : `ps -a, ${containers} stopped`,
  unit: "ms",
  rounds: 20,
  containers,
  ...(target !== undefined && { target }),
  measure: (contestant) => contestant.time("ps", "-a"),
});

export const listCases: readonly BenchCase[] = [
  listing(0),
  listing(100, 0.6),
  listing(1000),
  {
    name: "inspect",
    title: "inspect of a container",
    unit: "ms",
    rounds: 20,
    prepare: (engine) => call(engine, "create", "--name", "looked-at", "busybox"),
    measure: (contestant) => contestant.time("inspect", "looked-at"),
    cleanUp: (engine) => call(engine, "rm", "looked-at"),
  },
];
