import { availableParallelism, cpus, loadavg, release } from "node:os";
import type { Bench } from "./bench.ts";

/** What the numbers depend on, beside the engines: lines to be shown above them. */
export async function describeHost(bench: Bench): Promise<string[]> {
  const there = (program: string) => (Bun.which(program) ? "is there" : "is not there");
  const versions = await Promise.all(
    bench.engines.map(async (engine) => `${engine.name}: ${await engine.version()}`),
  );
  return [
    `${availableParallelism()} × ${cpus()[0]?.model.trim()}, Linux ${release()}; load ${loadavg()[0]}`,
    "data of all engines: a journalled ext4 in a loop file; /run in memory; namespaces of their own",
    `igzip ${there("igzip")}, unpigz ${there("unpigz")}: where they are, the engines unpack with them`,
    ...versions,
    ...bench.absent.map((absent) => `not measured: ${absent}`),
  ];
}
