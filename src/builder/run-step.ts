import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import { forbidden } from "../base/errors.ts";
import { heredocText } from "../dockerfile/heredoc.ts";
import type { InstructionOf } from "../dockerfile/instruction.ts";
import { cacheKey } from "./cache.ts";
import { cachedStep } from "./cached-step.ts";
import { defaultShell } from "./instruction-config.ts";
import type { BuildOptions } from "./options.ts";
import { prepareMounts, type RunMounts } from "./run-mounts.ts";
import { runToEnd } from "./run-process.ts";
import type { BuiltLayer } from "./stage-state.ts";
import type { StepContext, StepResult } from "./step-context.ts";
import { StepFailed } from "./step-failed.ts";
import { Environment, proxyArgs } from "./variables.ts";
import { WorkRoot } from "./work-root.ts";

type Run = InstructionOf<"RUN">;

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** `RUN`: the command in a container of its own, and a layer of what it has changed. */
export async function runStep(context: StepContext, instruction: Run): Promise<StepResult> {
  const { state, options } = context;
  if (instruction.security === "insecure" && !options.allowInsecure) {
    throw forbidden(
      "security.insecure is not allowed: the build was not given the entitlement security.insecure",
    );
  }
  const words = argumentsOf(context, instruction);
  const environment = environmentOf(context);
  await using mounts = await prepareMounts(context, instruction.mounts);
  const key = cacheKey(
    state.key,
    "run",
    words,
    environment.pairs(),
    state.config.WorkingDir ?? "",
    state.config.User ?? "",
    instruction.network ?? options.network,
    instruction.security ?? "",
    mounts.keys,
  );
  return await cachedStep(context, [key], createdBy(context, words), () =>
    make(context, instruction, words, environment, mounts),
  );
}

/** The history tells the arguments that the step can see: `RUN |1 version=3 /bin/sh -c make # buildkit`. */
function createdBy({ args }: StepContext, words: readonly string[]): string {
  const given = [...args].filter(([name]) => !proxyArgs.has(name)).map(([name, value]) => `${name}=${value}`);
  const shown = given.length === 0 ? [] : [`|${given.length}`, ...given];
  return ["RUN", ...shown, ...words, "# buildkit"].join(" ");
}

function argumentsOf({ state }: StepContext, { command }: Run): string[] {
  if (!command.shell) return command.words;
  const shell = state.config.Shell ?? defaultShell;
  const [first] = command.heredocs;
  if (first === undefined) return [...shell, command.line];
  // A here-document alone is the script.
  if (command.heredocs.length === 1 && /^\d*<<-?\S+$/.test(command.line.trim())) {
    return [...shell, heredocText(first)];
  }
  const texts = command.heredocs.map(({ content, name }) => `${content}${name}`);
  return [...shell, [command.line, ...texts].join("\n")];
}

/** ARGs can be seen as variables; ENV goes before them. */
function environmentOf({ state, args }: StepContext): Environment {
  const environment = new Environment([`PATH=${defaultPath}`]);
  for (const [name, value] of args) if (!proxyArgs.has(name)) environment.set(name, value);
  for (const pair of new Environment(state.config.Env).pairs()) {
    const equals = pair.indexOf("=");
    environment.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return environment;
}

async function make(
  context: StepContext,
  instruction: Run,
  words: readonly string[],
  environment: Environment,
  mounts: RunMounts,
): Promise<BuiltLayer> {
  const { deps, state, options, progress, vertex, signal, lease } = context;
  await mounts.fill();
  const proxies = [...options.args]
    .filter(([name]) => proxyArgs.has(name))
    .map(([name, value]) => `${name}=${value}`);
  const config: ContainerConfig = {
    Entrypoint: [...words],
    Env: [...environment.pairs(), ...mounts.environment, ...proxies],
    WorkingDir: state.config.WorkingDir || "/",
    User: state.config.User ?? "",
    Hostname: "buildkitsandbox",
    AttachStdout: true,
    AttachStderr: true,
  };
  await using root = await WorkRoot.create(deps, state, config, {
    ...hostConfigOf(options),
    NetworkMode:
      instruction.network && instruction.network !== "default"
        ? instruction.network
        : options.network || "bridge",
    Privileged: instruction.security === "insecure",
    ...mounts.hostConfig,
  });
  const { exitCode, outOfMemory } = await runToEnd(
    deps,
    root,
    (stream, data) => progress.log(vertex, stream, data),
    signal,
  );
  if (exitCode !== 0) throw new StepFailed(words, exitCode, outOfMemory);
  return await root.seal(lease, mounts.stubs, signal);
}

function hostConfigOf({ resources }: BuildOptions): HostConfig {
  return {
    Memory: resources.memory,
    MemorySwap: resources.memorySwap,
    CpuShares: resources.cpuShares,
    CpuPeriod: resources.cpuPeriod,
    CpuQuota: resources.cpuQuota,
    CpusetCpus: resources.cpusetCpus,
    CpusetMems: resources.cpusetMems,
    CgroupParent: resources.cgroupParent,
    ShmSize: resources.shmSize,
    Ulimits: [...resources.ulimits],
    ExtraHosts: [...resources.extraHosts],
  };
}
