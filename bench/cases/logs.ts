import { join } from "node:path";
import { linesFolder, printing } from "../fixtures/lines.ts";
import type { Bench } from "../lib/bench.ts";
import type { BenchCase } from "../lib/case.ts";
import { time } from "../lib/command.ts";
import { type Contestant, call, type Engine } from "../lib/engine.ts";

const writer = (engine: Engine, bench: Bench) => [
  "--name",
  "writer",
  ...printing(bench, ...engine.unrotated),
];

/** From the start until the container has ended: all that it prints is in the log then. */
async function write(contestant: Contestant, bench: Bench): Promise<number> {
  const { engine } = contestant;
  await call(engine, "create", ...writer(engine, bench));
  const millis = (await contestant.time("start", "writer")) + (await contestant.time("wait", "writer"));
  await call(engine, "rm", "writer");
  return millis / 1000;
}

export const logCases: readonly BenchCase[] = [
  {
    name: "logs-write",
    title: "logs: 200 MB in lines of 100 bytes written",
    unit: "s",
    rounds: 3,
    target: 0.25,
    measure: write,
    floor: {
      what: "cat | cat > FILE",
      async measure(bench) {
        const lines = join(linesFolder(bench), "lines");
        return (await time(["sh", "-c", `cat ${lines} | cat > ${join(bench.disk, "log")}`])) / 1000;
      },
    },
  },
  {
    name: "logs-read",
    title: "logs: 200 MB read back",
    unit: "s",
    rounds: 3,
    target: 0.15,
    async prepare(engine, bench) {
      await call(engine, "run", "-d", ...writer(engine, bench));
      await call(engine, "wait", "writer");
    },
    measure: async (contestant) => (await contestant.time("logs", "writer")) / 1000,
    cleanUp: (engine) => call(engine, "rm", "writer"),
    floor: {
      what: "cat",
      // To a pipe: what goes to /dev/null is not even read.
      measure: async (bench) =>
        (await time(["sh", "-c", `cat ${join(linesFolder(bench), "lines")} | cat > /dev/null`])) / 1000,
    },
  },
];
