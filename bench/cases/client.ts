import type { BenchCase } from "../lib/case.ts";
import { time } from "../lib/command.ts";

export const clientCases: readonly BenchCase[] = [
  {
    name: "client-start",
    title: "client start-up: --version",
    unit: "ms",
    rounds: 30,
    measure: (contestant) => contestant.time("--version"),
    floor: { what: "true", measure: () => time(["true"]) },
  },
];
