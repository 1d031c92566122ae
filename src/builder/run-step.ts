import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import { type Heredoc, heredocText } from "../dockerfile/heredoc.ts";
import type { InstructionOf } from "../dockerfile/instruction.ts";
import { proxyArgs } from "../dockerfile/variables.ts";
import { joinedKey } from "./cache.ts";
import { cachedStep, knownResult } from "./cached-step.ts";
import { checkEntitled } from "./entitlements.ts";
import { failingAt } from "./failed-at.ts";
import { defaultShell } from "./instruction-config.ts";
import type { BuildOptions } from "./options.ts";
import { deviceRequests, parseDevice } from "./run-devices.ts";
import { prepareMounts, type RunMounts, type Script } from "./run-mounts.ts";
import { runToEnd } from "./run-process.ts";
import type { BuiltLayer, StageState } from "./stage-state.ts";
import type { StepContext, StepResult } from "./step-context.ts";
import { StepFailed, unfinished } from "./step-failed.ts";
import { WorkRoot } from "./work-root.ts";

type Run = InstructionOf<"RUN">;

/** Where scripts that name their own interpreter are mounted. */
const scriptFolder = "/dev/pipes";

/** `RUN`: the command in a container of its own, and a layer of what it has changed. */
export async function runStep(context: StepContext, instruction: Run): Promise<StepResult> {
  const { state, options } = context;
  // What a base image triggers was not seen before.
  checkEntitled(instruction, options.network, options.entitlements);
  const script = scriptOf(instruction);
  const words = argumentsOf(state, instruction);
  const environment = [...state.variables].map(([name, value]) => `${name}=${value}`);
  await using mounts = await prepareMounts(context, instruction.mounts, script);
  const keyWith = (mountKeys: readonly string[]) =>
    joinedKey(
      mountKeys,
      state.key,
      "run",
      words,
      environment,
      state.config.WorkingDir ?? "",
      state.config.User ?? "",
      instruction.network ?? options.network,
      instruction.security ?? "",
      instruction.devices,
    );
  const quick = mounts.quickKeys && [keyWith(mounts.quickKeys)];
  const isKnown = quick !== undefined && (await knownResult(context, quick)) !== undefined;
  const keys = isKnown ? quick : [keyWith(await mounts.keys()), ...(quick ?? [])];
  return await cachedStep(context, keys, createdBy(context, words), () =>
    make(context, instruction, words, environment, mounts),
  );
}

/** The history tells the arguments that the step can see: `RUN |1 version=3 /bin/sh -c make # buildkit`. */
function createdBy({ state }: StepContext, words: readonly string[]): string {
  const given = [...state.args].map((name) => `${name}=${state.variables.get(name) ?? ""}`);
  const shown = given.length === 0 ? [] : [`|${given.length}`, ...given];
  return ["RUN", ...shown, ...words, "# buildkit"].join(" ");
}

/** A here-document that is all of the command. */
function whole({ command }: Run): Heredoc | undefined {
  if (!command.shell || command.heredocs.length !== 1) return undefined;
  return /^\d*<<-?\S+$/.test(command.line.trim()) ? command.heredocs[0] : undefined;
}

/** A here-document that names its own interpreter, and where the step finds it. */
export function scriptOf(instruction: Run): Script | undefined {
  const heredoc = whole(instruction);
  const text = heredoc === undefined ? "" : heredocText(heredoc);
  if (!text.startsWith("#!")) return undefined;
  return { path: `${scriptFolder}/${heredoc?.name.replaceAll("/", "_")}`, text };
}

/** What is executed: the words themselves, or the shell with the line. */
export function argumentsOf({ config }: Pick<StageState, "config">, instruction: Run): string[] {
  const { command } = instruction;
  if (!command.shell) return command.words;
  const shell = config.Shell ?? defaultShell;
  const script = scriptOf(instruction);
  if (script !== undefined) return [...shell, script.path];
  const heredoc = whole(instruction);
  if (heredoc !== undefined) return [...shell, heredocText(heredoc)];
  const texts = command.heredocs.map(({ content, name }) => `${content}${name}`);
  return [...shell, [command.line, ...texts].join("\n")];
}

/**
 * Those that were given, in both spellings, for programs ask for one or the other. What is declared goes before. They may
 * have passwords.
 */
function proxies({ args }: BuildOptions, { variables }: StageState): string[] {
  return [...args]
    .filter(([name]) => proxyArgs.has(name))
    .flatMap(([name, value]) => [name.toUpperCase(), name.toLowerCase()].map((one) => [one, value] as const))
    .filter(([name]) => !variables.has(name))
    .map(([name, value]) => `${name}=${value}`);
}

async function make(
  context: StepContext,
  instruction: Run,
  words: readonly string[],
  environment: readonly string[],
  mounts: RunMounts,
): Promise<BuiltLayer> {
  const { deps, state, options, progress, vertex, signal, lease } = context;
  await mounts.fill();
  const config: ContainerConfig = {
    Entrypoint: [...words],
    // As in BuildKit no variable tells the name of the host, and /etc/hostname is a file like others.
    Env: ["HOSTNAME", ...environment],
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
    ...deviceRequests(instruction.devices.map(parseDevice), deps.containers.settings.cdiDirectories),
    ...mounts.hostConfig,
  });
  root.container.secretEnvironment = [...proxies(options, state), ...mounts.environment];
  const { exitCode, outOfMemory } = await failingAt(unfinished(words), () =>
    runToEnd(deps, root, (stream, data) => progress.log(vertex, stream, data), signal),
  );
  if (exitCode !== 0) throw new StepFailed(words, exitCode, outOfMemory, options.resources.memory);
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
