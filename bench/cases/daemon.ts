import type { BenchCase } from "../lib/case.ts";
import type { Contestant } from "../lib/engine.ts";

/** Engines with a daemon, once each: no client is measured. */
const daemons = ({ isFirst, engine }: Contestant) => isFirst && engine.daemon !== undefined;

const starting = (containers: number, target?: number): BenchCase => ({
  name: `daemon-start-${containers}`,
  title: `daemon start until it answers, ${containers.toLocaleString("en")} containers`,
  unit: "ms",
  rounds: 5,
  containers,
  ...(target !== undefined && { target }),
  takesPart: daemons,
  async measure({ engine }) {
    await engine.daemon?.stop();
    return (await engine.daemon?.start()) ?? Number.NaN;
  },
});

export const daemonCases: readonly BenchCase[] = [
  starting(0, 0.3),
  starting(100, 0.3),
  starting(1000),
  {
    name: "daemon-stop",
    title: "daemon stop",
    unit: "ms",
    rounds: 5,
    target: 0.3,
    takesPart: daemons,
    async measure({ engine }) {
      const millis = (await engine.daemon?.stop()) ?? Number.NaN;
      await engine.daemon?.start();
      return millis;
    },
  },
];
