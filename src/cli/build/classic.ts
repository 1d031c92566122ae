import { writeFileSync } from "node:fs";
import type { QueryOf } from "../../api/operations.ts";
import { invalidArgument, unavailable } from "../../base/errors.ts";
import type { Cli } from "../cli.ts";
import { pairs } from "../container/environment.ts";
import { standardInput } from "../input-stream.ts";
import { displayMessages } from "../progress.ts";
import { allAuths } from "../registry-auth.ts";
import type { Output } from "../streams.ts";
import { buildInput } from "./context.ts";
import { type BuildFlags, buildArgs } from "./flags.ts";

function queryOf(flags: BuildFlags, cli: Cli): Partial<QueryOf<"ImageBuild">> {
  const limits = [...flags.ulimit.values()].map(({ Name = "", Hard = 0, Soft = 0 }) => ({
    Name,
    Hard,
    Soft,
  }));
  return {
    t: [...flags.tag],
    q: flags.quiet,
    nocache: flags["no-cache"],
    pull: flags.pull,
    rm: flags.rm,
    forcerm: flags["force-rm"],
    extrahosts: flags["add-host"].join(","),
    cachefrom: flags["cache-from"].flatMap((text) => text.split(",")),
    buildargs: buildArgs(flags["build-arg"], cli),
    labels: pairs(flags.label),
    memory: flags.memory,
    memswap: flags["memory-swap"],
    cpushares: flags["cpu-shares"],
    cpuperiod: flags["cpu-period"],
    cpuquota: flags["cpu-quota"],
    cpusetcpus: flags["cpuset-cpus"],
    cpusetmems: flags["cpuset-mems"],
    cgroupparent: flags["cgroup-parent"],
    shmsize: flags["shm-size"],
    ulimits: limits,
    networkmode: flags.network,
    securityopt: [...flags["security-opt"]],
    squash: flags.squash,
    target: flags.target,
    platform: flags.platform,
    version: "1",
  };
}

/** Flags that only BuildKit's protocol has. */
const modern = [
  "allow",
  "annotation",
  "attest",
  "build-context",
  "cache-to",
  "load",
  "metadata-file",
  "no-cache-filter",
  "output",
  "provenance",
  "push",
  "sbom",
  "secret",
  "ssh",
] as const;

/** What a daemon says of a result that tells it in no other way: the last step, or the id alone (`q`). */
const resultLine = /^(Successfully built |sha256:[0-9a-f]{64}\s*$)/;

async function* watched<T>(values: AsyncIterable<T>, see: (value: T) => void): AsyncGenerator<T, void> {
  for await (const value of values) {
    see(value);
    yield value;
  }
}

/** `docker build` by `POST /build` as it was before BuildKit: `DOCKER_BUILDKIT=0`. */
export async function buildClassic(cli: Cli, context: string, flags: BuildFlags): Promise<void> {
  const wrong = modern.find((name) => {
    const value = flags[name];
    return typeof value === "object" ? value.length > 0 : Boolean(value);
  });
  if (wrong !== undefined) {
    throw invalidArgument(
      `the --${wrong} option requires BuildKit: it cannot be used with DOCKER_BUILDKIT=0`,
    );
  }
  const client = await cli.client();
  const input = await buildInput(context, flags.file, standardInput);
  const messages = await client.messages("ImageBuild", {
    query: { ...queryOf(flags, cli), dockerfile: input.dockerfile || undefined, remote: input.remote },
    headers: {
      "x-registry-config": Buffer.from(JSON.stringify(allAuths(cli.config))).toString("base64url"),
    },
    ...(input.body && { body: input.body }),
  });
  let id = "";
  let hasResult = false;
  // Who wanted to see nothing sees all of it when it fails.
  const kept: Parameters<Output["write"]>[0][] = [];
  const quiet: Output = { fd: -1, isTerminal: false, write: (data) => void kept.push(data) };
  try {
    const seen = watched(messages, ({ stream = "" }) => {
      hasResult ||= resultLine.test(stream);
    });
    await displayMessages(seen, flags.quiet ? quiet : cli.out, (aux) => {
      id = (aux as { ID?: string }).ID ?? id;
    });
    // A stream that ends in the middle may look like a whole one: what tells the end is the result.
    if (id === "" && !hasResult)
      throw unavailable("the daemon ended the build without a result: unexpected EOF");
  } catch (error) {
    for (const data of kept) cli.err.write(data);
    throw error;
  }
  if (flags.quiet) cli.print(id);
  if (flags.iidfile !== "") writeFileSync(flags.iidfile, id);
}
