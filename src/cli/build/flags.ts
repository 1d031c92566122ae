import { parseReference } from "../../oci/reference.ts";
import type { Cli } from "../cli.ts";
import { checkExtraHost, checkLabel } from "../container/checks.ts";
import { pairs, withProxies } from "../container/environment.ts";
import { bytesFlag } from "../container/flag-types.ts";
import { parseUlimit } from "../container/limits.ts";
import { type FlagValues, flag } from "../flags.ts";

export const buildFlags = {
  "add-host": flag.list("Add a line to the hosts file of steps (name:address)", { check: checkExtraHost }),
  attest: flag.list("Attestations of the result (type=sbom,generator=image)"),
  allow: flag.list("Allow steps to have more (network.host, security.insecure, device)"),
  annotation: flag.list("Add an annotation (TYPE:key=value)"),
  "build-arg": flag.list("Value of an ARG (name=value, or a variable's name)"),
  "build-context": flag.list("Further context (name=path, or an address)"),
  "cache-from": flag.list("Where results of steps are taken from (type=registry,ref=name, or an image)"),
  "cache-to": flag.list("Where results of steps are handed on to (type=registry,ref=name)"),
  call: flag.string("What to do: build, check, outline, targets (outline,format=json)", { initial: "build" }),
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
  load: flag.bool("Put the result among the daemon's images"),
  memory: bytesFlag("Most memory", { short: "m" }),
  "memory-swap": bytesFlag("Most memory and swap together: -1 for any amount of swap", { minusOne: true }),
  "metadata-file": flag.string("File to write what there is to tell of the result to"),
  network: flag.string("Network of steps", { initial: "default", since: "1.25" }),
  "no-cache": flag.bool("Carry out every step, whatever the cache has"),
  "no-cache-filter": flag.list("Stages that do without the cache", { type: "strings" }),
  output: flag.list("What is to become of the result (type=local,dest=path)", { short: "o" }),
  platform: flag.string("Platforms of the image", { since: "1.38" }),
  progress: flag.string("How progress is shown (auto, none, plain, quiet, rawjson, tty)", {
    initial: "auto",
  }),
  provenance: flag.string('Short for "--attest=type=provenance"'),
  pull: flag.bool("Ask the registry for newer base images"),
  push: flag.bool("Push the result to its registry"),
  quiet: flag.bool("Show nothing but the image's ID", { short: "q" }),
  rm: flag.bool("Remove the containers of steps that went well", { initial: true }),
  sbom: flag.string('Short for "--attest=type=sbom"'),
  secret: flag.list("Secret that steps may see (id=name,src=path)"),
  "security-opt": flag.list("Security options", { type: "strings" }),
  "shm-size": bytesFlag("Size of /dev/shm"),
  ssh: flag.list("Agent or keys that steps may use (default, id=socket, id=key)"),
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
export function buildArgs(given: readonly string[], cli: Cli): Record<string, string> {
  const resolved = given.flatMap((text) => {
    if (text.includes("=")) return [text];
    const value = process.env[text];
    return value === undefined ? [] : [`${text}=${value}`];
  });
  return pairs(withProxies(resolved, cli.config, cli.endpoint.host ?? "default"));
}

export type BuildFlags = FlagValues<typeof buildFlags>;
