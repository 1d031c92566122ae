import { join } from "node:path";
import type { BenchCase } from "../lib/case.ts";
import { output } from "../lib/command.ts";
import { call, type Engine } from "../lib/engine.ts";

const network = "names";
const queries = 10_000;
const sleeper = (name: string) => [
  "run",
  "-d",
  "--name",
  name,
  "--network",
  network,
  "busybox",
  "sleep",
  "3600",
];

async function prepare(engine: Engine): Promise<void> {
  await call(engine, "network", "create", network);
  for (const name of ["server", "asker"]) await call(engine, ...sleeper(name));
}

async function cleanUp(engine: Engine): Promise<void> {
  for (const name of ["server", "asker"]) await call(engine, ...engine.removeForce, name);
  await call(engine, "network", "rm", network);
}

export const nameCases: readonly BenchCase[] = [
  {
    name: "names",
    title: "DNS queries for a container's name",
    unit: "1/s",
    rounds: 5,
    takesPart: ({ isFirst }) => isFirst,
    prepare,
    async measure({ engine }) {
      const pid = await call(engine, "inspect", "--format", "{{.State.Pid}}", "asker");
      const resolver = /^nameserver (\S+)/m.exec(
        await call(engine, "exec", "asker", "cat", "/etc/resolv.conf"),
      )?.[1];
      if (!resolver) throw new Error("the container has no name server");
      const asking = [process.execPath, join(import.meta.dir, "../fixtures/ask-names.ts")];
      const args = [resolver, "server", String(queries)];
      return Number(await output(["nsenter", "--target", pid, "--net", ...asking, ...args]));
    },
    cleanUp,
  },
];
