import { randomBytes } from "node:crypto";
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

/** Twelve steps in three stages, two of which need nothing of one another. */
const staged = `FROM busybox AS assets
WORKDIR /assets
COPY . .
RUN cat file-* > all
RUN gzip -k all

FROM busybox AS program
WORKDIR /src
COPY file-1 file-2 ./
RUN cat file-1 file-2 > program
RUN chmod 755 program

FROM busybox
WORKDIR /app
COPY --from=assets /assets/all.gz .
COPY --from=program /src/program .
RUN mkdir -p /data && ls -l > /data/list
CMD ["cat", "/data/list"]
`;

/** Twenty steps, and one more that takes all of a large context. */
const large = [
  "FROM busybox",
  "COPY . /src",
  ...Array.from({ length: 19 }, (_, at) => `RUN echo ${at} > /${at}`),
  "",
].join("\n");

/** What is built: the name of its cases, and what their titles call it. */
interface Subject {
  name: string;
  title: string;
  dockerfile: string;
  /** What the context has besides twenty small files: files of a megabyte. */
  megabytes: number;
}

const small: Subject = { name: "build", title: "build, small", dockerfile, megabytes: 0 };
const stages: Subject = {
  name: "build-staged",
  title: "build, 12 steps in 3 stages",
  dockerfile: staged,
  megabytes: 0,
};
const heavy: Subject = {
  name: "build-large",
  title: "build, 20 steps, context of 200 MB",
  dockerfile: large,
  megabytes: 200,
};

/** A few files, and what makes an image of them. */
function context(bench: Bench, subject: Subject): string {
  const folder = join(bench.disk, `context-${subject.name}`);
  if (existsSync(folder)) return folder;
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), subject.dockerfile);
  for (let at = 0; at < 20; at++) writeFileSync(join(folder, `file-${at}`), `${at}\n`.repeat(500));
  for (let at = 0; at < subject.megabytes; at++) writeFileSync(join(folder, `large-${at}`), randomBytes(1e6));
  return folder;
}

/**
 * Docker's two builders. BuildKit is asked for by Debian's own client, which has it built in; others need a plugin for it.
 */
type Builder = "legacy" | "buildkit";

function build(
  contestant: Contestant,
  bench: Bench,
  { subject, builder, options }: { subject: Subject; builder: Builder; options: readonly string[] },
) {
  const isDocker = contestant.engine.name === "docker.io";
  const argv = isDocker && builder === "buildkit" ? ["/usr/bin/docker"] : contestant.client.argv;
  const ours = contestant.label === "longshore";
  const env = ours ? {} : { DOCKER_BUILDKIT: builder === "buildkit" ? "1" : "0" };
  // A name of its own: two clients of one daemon would take it from each other, and nothing would be as it was before.
  const tag = `built-by-${contestant.label.toLowerCase().replace(/\W+/g, "-")}`;
  const command = [...argv, "build", "-q", "-t", tag, ...options, context(bench, subject)];
  return time(command, { ...contestant.client.env, ...env });
}

/** Docker's client of today has no BuildKit in it, so ours is not called by it there. */
const builderCases = (
  subject: Subject,
  builder: Builder,
  cold: number | undefined,
  cached: number | undefined,
): BenchCase[] => [
  {
    name: `${subject.name}-cold-${builder}`,
    title: `${subject.title}, cold (Docker: ${builder})`,
    unit: "ms",
    rounds: 5,
    ...(cold !== undefined && { target: cold }),
    takesPart: (contestant) => takesPart(contestant, builder),
    measure: (contestant, bench) => build(contestant, bench, { subject, builder, options: ["--no-cache"] }),
  },
  {
    name: `${subject.name}-cached-${builder}`,
    title: `${subject.title}, cached (Docker: ${builder})`,
    unit: "ms",
    rounds: 10,
    ...(cached !== undefined && { target: cached }),
    takesPart: (contestant) => takesPart(contestant, builder),
    measure: (contestant, bench) => build(contestant, bench, { subject, builder, options: [] }),
  },
];

function takesPart({ engine, label }: Contestant, builder: Builder): boolean {
  if (builder === "legacy") return true;
  return engine.name === "docker.io" ? existsSync("/usr/bin/docker") : label === "longshore";
}

export const buildCases: readonly BenchCase[] = [
  ...builderCases(small, "legacy", 0.25, 0.35),
  ...builderCases(small, "buildkit", undefined, undefined),
  ...builderCases(stages, "legacy", 0.3, 0.35),
  ...builderCases(stages, "buildkit", 0.5, 0.35),
  ...builderCases(heavy, "buildkit", undefined, undefined).filter(({ name }) => name.includes("cached")),
];
