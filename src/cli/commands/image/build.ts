import { writeFileSync } from "node:fs";
import type { QueryOf } from "../../../api/operations.ts";
import { invalidArgument } from "../../../base/errors.ts";
import { parseReference } from "../../../oci/reference.ts";
import { buildInput } from "../../build/context.ts";
import type { Cli } from "../../cli.ts";
import { command, exactly } from "../../command.ts";
import { checkExtraHost, checkLabel } from "../../container/checks.ts";
import { pairs, withProxies } from "../../container/environment.ts";
import { bytesFlag } from "../../container/flag-types.ts";
import { parseUlimit } from "../../container/limits.ts";
import { type FlagValues, flag } from "../../flags.ts";
import { standardInput } from "../../input-stream.ts";
import { displayMessages } from "../../progress.ts";
import { allAuths } from "../../registry-auth.ts";
import type { Output } from "../../streams.ts";

const buildFlags = {
  "add-host": flag.list("Add a line to the hosts file of steps (name:address)", { check: checkExtraHost }),
  "build-arg": flag.list("Value of an ARG (name=value, or a variable's name)"),
  "cache-from": flag.list("Image to take results of steps from", { type: "strings" }),
  "cgroup-parent": flag.string("Control group to put the steps' own below"),
  check: flag.bool("Check the Dockerfile, and build nothing"),
  compress: flag.bool("Compress what is sent"),
  "cpu-period": flag.int("Length of a period of the fair scheduler in microseconds"),
  "cpu-quota": flag.int("Processor time in a period of the fair scheduler in microseconds"),
  "cpu-shares": flag.int("Share of processor time, against other containers", { short: "c" }),
  "cpuset-cpus": flag.string("Processors to run on (0-3, 0,1)"),
  "cpuset-mems": flag.string("Memory nodes to use (0-3, 0,1)"),
  "disable-content-trust": flag.bool("Do not check images' signatures", { initial: true }),
  file: flag.string('Path of the Dockerfile ("PATH/Dockerfile" unless told otherwise)', { short: "f" }),
  "force-rm": flag.bool("Remove the containers of steps always"),
  iidfile: flag.string("File to write the image's ID to"),
  isolation: flag.string("How containers are isolated"),
  label: flag.list("Set a label of the image", { check: checkLabel }),
  memory: bytesFlag("Most memory", { short: "m" }),
  "memory-swap": bytesFlag("Most memory and swap together: -1 for any amount of swap", { minusOne: true }),
  network: flag.string("Network of steps", { initial: "default", since: "1.25" }),
  "no-cache": flag.bool("Carry out every step, whatever the cache has"),
  platform: flag.string("Platform of the image", { since: "1.38" }),
  pull: flag.bool("Ask the registry for newer base images"),
  quiet: flag.bool("Show nothing but the image's ID", { short: "q" }),
  rm: flag.bool("Remove the containers of steps that went well", { initial: true }),
  "security-opt": flag.list("Security options", { type: "strings" }),
  "shm-size": bytesFlag("Size of /dev/shm"),
  squash: flag.bool("Make one layer of the new ones", { since: "1.25" }),
  tag: flag.list('Name of the image, with a tag or without ("name:tag")', { short: "t", check: checkTag }),
  target: flag.string("Stage to build"),
  ulimit: flag.custom("ulimit", "Limit of a resource (name=soft:hard)", new Map(), parseUlimit),
};

function checkTag(text: string): string {
  parseReference(text);
  return text;
}

/** The daemon's own variable of the name is not meant: one that is not set here is not sent. */
function buildArgs(given: readonly string[], cli: Cli): Record<string, string> {
  const resolved = given.flatMap((text) => {
    if (text.includes("=")) return [text];
    const value = process.env[text];
    return value === undefined ? [] : [`${text}=${value}`];
  });
  return pairs(withProxies(resolved, cli.config, cli.endpoint.host ?? "default"));
}

function queryOf(flags: FlagValues<typeof buildFlags>, cli: Cli): Partial<QueryOf<"ImageBuild">> {
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
    cachefrom: [...flags["cache-from"]],
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

export default command<typeof buildFlags>({
  usage: "[OPTIONS] PATH | URL | -",
  args: exactly(1),
  flags: buildFlags,
  run: async (cli, { args, flags }) => {
    if (flags.isolation !== "" && flags.isolation !== "default") {
      throw invalidArgument(`invalid isolation (${flags.isolation}) in build: linux supports only 'default'`);
    }
    const client = await cli.client();
    if (flags.check) {
      const request = {
        context: args[0] ?? "",
        file: flags.file,
        args: new Map(Object.entries(buildArgs(flags["build-arg"], cli))),
        target: flags.target,
        platform: flags.platform,
      };
      const { checkBuild } = await import("../../build/check.ts");
      const { report, sound } = await checkBuild(client, request, standardInput);
      cli.out.write(report);
      return sound ? 0 : 1;
    }
    const input = await buildInput(args[0] ?? "", flags.file, standardInput);
    const messages = await client.messages("ImageBuild", {
      query: { ...queryOf(flags, cli), dockerfile: input.dockerfile || undefined, remote: input.remote },
      headers: {
        "x-registry-config": Buffer.from(JSON.stringify(allAuths(cli.config))).toString("base64url"),
      },
      ...(input.body && { body: input.body }),
    });
    let id = "";
    // Who wanted to see nothing sees all of it when it fails.
    const kept: Parameters<Output["write"]>[0][] = [];
    const quiet: Output = { fd: -1, isTerminal: false, write: (data) => void kept.push(data) };
    try {
      await displayMessages(messages, flags.quiet ? quiet : cli.out, (aux) => {
        id = (aux as { ID?: string }).ID ?? id;
      });
    } catch (error) {
      for (const data of kept) cli.err.write(data);
      throw error;
    }
    if (flags.quiet) cli.print(id);
    if (flags.iidfile !== "") writeFileSync(flags.iidfile, id);
    return 0;
  },
});
