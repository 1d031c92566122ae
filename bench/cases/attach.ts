import { join } from "node:path";
import { linesFolder, printing } from "../fixtures/lines.ts";
import type { BenchCase } from "../lib/case.ts";
import { time } from "../lib/command.ts";

export const attachCases: readonly BenchCase[] = [
  {
    name: "attach",
    title: "attach: 200 MB to the client, not logged",
    unit: "s",
    rounds: 3,
    measure: async (contestant, bench) =>
      (await contestant.time("run", "--rm", "--log-driver", "none", ...printing(bench))) / 1000,
    floor: {
      what: "cat | cat",
      measure: async (bench) =>
        (await time(["sh", "-c", `cat ${join(linesFolder(bench), "lines")} | cat > /dev/null`])) / 1000,
    },
  },
];
