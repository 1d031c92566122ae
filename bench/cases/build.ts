import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "../lib/bench.ts";
import type { BenchCase } from "../lib/case.ts";
import { time } from "../lib/command.ts";
import type { Contestant } from "../lib/engine.ts";

const dockerfile = `FROM busybox
ENV GREETING=hello
WORKDIR /app
COPY . .
RUN echo one > /one
RUN echo two > /two && mkdir -p /data
RUN cat /one /two > /data/both
EXPOSE 80
CMD ["cat", "/data/both"]
`;

/** A few small files, and what makes an image of them. */
function context(bench: Bench): string {
  const folder = join(bench.disk, "context");
  if (existsSync(folder)) return folder;
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), dockerfile);
  for (let at = 0; at < 20; at++) writeFileSync(join(folder, `file-${at}`), `${at}\n`.repeat(500));
  return folder;
}

/**
 * Docker's two builders. BuildKit is asked for by Debian's own client, which has it built in; others need a plugin for it.
 */
type Builder = "legacy" | "buildkit";

function build(contestant: Contestant, bench: Bench, builder: Builder, options: readonly string[]) {
  const isDocker = contestant.engine.name === "docker.io";
  const argv = isDocker && builder === "buildkit" ? ["/usr/bin/docker"] : contestant.client.argv;
  const ours = contestant.label === "longshore";
  const env = ours ? {} : { DOCKER_BUILDKIT: builder === "buildkit" ? "1" : "0" };
  const command = [...argv, "build", "-q", "-t", "built", ...options, context(bench)];
  return time(command, { ...contestant.client.env, ...env });
}

/** Docker's client of today has no BuildKit in it, so ours is not called by it there. */
const builderCases = (
  builder: Builder,
  cold: number | undefined,
  cached: number | undefined,
): BenchCase[] => [
  {
    name: `build-cold-${builder}`,
    title: `build, small, cold (Docker: ${builder})`,
    unit: "ms",
    rounds: 5,
    ...(cold !== undefined && { target: cold }),
    takesPart: (contestant) => takesPart(contestant, builder),
    measure: (contestant, bench) => build(contestant, bench, builder, ["--no-cache"]),
  },
  {
    name: `build-cached-${builder}`,
    title: `build, small, cached (Docker: ${builder})`,
    unit: "ms",
    rounds: 10,
    ...(cached !== undefined && { target: cached }),
    takesPart: (contestant) => takesPart(contestant, builder),
    measure: (contestant, bench) => build(contestant, bench, builder, []),
  },
];

function takesPart({ engine, label }: Contestant, builder: Builder): boolean {
  if (builder === "legacy") return true;
  return engine.name === "docker.io" ? existsSync("/usr/bin/docker") : label === "longshore";
}

export const buildCases: readonly BenchCase[] = [
  ...builderCases("legacy", 0.25, 0.35),
  ...builderCases("buildkit", undefined, undefined),
];
