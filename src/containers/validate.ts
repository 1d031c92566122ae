import { availableParallelism } from "node:os";
import type { ContainerConfig, HostConfig, Resources } from "../api/containers.ts";
import { invalidArgument } from "../base/errors.ts";
import { signalNumber } from "../base/signals.ts";
import { humanSize } from "../base/units.ts";
import { parseHealthAction, validateHealthConfig } from "./health.ts";

const minimumMemory = 6 * 1024 * 1024;

/** Refuses what makes no sense, with Docker's words. Throws `invalidArgument`. */
export function validateConfig(config: ContainerConfig, host: HostConfig, runtimes: readonly string[]): void {
  if (config.WorkingDir && !config.WorkingDir.startsWith("/")) {
    throw invalidArgument(
      `the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`,
    );
  }
  if (config.StopSignal && signalNumber(config.StopSignal) === undefined) {
    throw invalidArgument(`Invalid signal: ${config.StopSignal}`);
  }
  for (const entry of config.Env ?? []) {
    if (entry === "" || entry.startsWith("="))
      throw invalidArgument(`invalid environment variable: ${entry}`);
  }
  validateHealthConfig(config.Healthcheck);
  parseHealthAction(host.HealthOnFailure);
  validateRestartPolicy(host);
  validateResources(host);
  if ((host.ShmSize ?? 0) < 0) throw invalidArgument("SHM size can not be less than 0");
  if (host.Runtime && !runtimes.includes(host.Runtime)) {
    throw invalidArgument(`unknown or invalid runtime name: ${host.Runtime}`);
  }
  if (host.Isolation && host.Isolation !== "default") {
    throw invalidArgument(`invalid isolation '${host.Isolation}' on linux`);
  }
  validateNetworkMode(config, host);
}

export function validateRestartPolicy(host: HostConfig): void {
  const { Name: name = "", MaximumRetryCount: retries = 0 } = host.RestartPolicy ?? {};
  if (!["", "no", "always", "on-failure", "unless-stopped"].includes(name)) {
    throw invalidArgument(
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (retries !== 0 && name !== "on-failure") {
    const hint = retries < 0 ? " and cannot be negative" : "";
    throw invalidArgument(
      `invalid restart policy: maximum retry count can only be used with 'on-failure'${hint}`,
    );
  }
  if (retries < 0) throw invalidArgument("invalid restart policy: maximum retry count cannot be negative");
  if (host.AutoRemove && name !== "" && name !== "no") {
    throw invalidArgument("can't create 'AutoRemove' container with restart policy");
  }
}

/** The limits of `run` and `update`. */
export function validateResources(resources: Resources): void {
  validateMemory(resources);
  validateCpu(resources);
  const weight = resources.BlkioWeight ?? 0;
  if (weight > 0 && (weight < 10 || weight > 1000)) {
    throw invalidArgument("Range of blkio weight is from 10 to 1000");
  }
  if ((resources.PidsLimit ?? 0) < -1) throw invalidArgument("invalid pids limit");
}

function validateMemory(resources: Resources): void {
  const { Memory: memory = 0, MemorySwap: swap = 0, MemoryReservation: reservation = 0 } = resources;
  if (memory !== 0 && memory < minimumMemory) throw invalidArgument("Minimum memory limit allowed is 6MB");
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalidArgument("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memory === 0 && swap > 0) {
    throw invalidArgument("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  const swappiness = resources.MemorySwappiness ?? -1;
  if (swappiness < -1 || swappiness > 100) {
    throw invalidArgument(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
  if (reservation > 0 && reservation < minimumMemory) {
    throw invalidArgument(`Minimum memory reservation allowed is ${humanSize(minimumMemory)}`);
  }
  if (memory > 0 && reservation > 0 && memory < reservation) {
    throw invalidArgument("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

function validateCpu(resources: Resources): void {
  const { NanoCpus: nano = 0, CpuPeriod: period = 0, CpuQuota: quota = 0 } = resources;
  if (nano > 0 && period > 0) {
    throw invalidArgument("Conflicting options: Nano CPUs and CPU Period cannot both be set.");
  }
  if (nano > 0 && quota > 0) {
    throw invalidArgument("Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
  }
  const cpus = availableParallelism();
  if (nano < 0 || nano > cpus * 1e9) {
    throw invalidArgument(
      `Range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`,
    );
  }
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalidArgument(
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    );
  }
  if (quota > 0 && quota < 1000) throw invalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  for (const [name, set] of [
    ["CpusetCpus", resources.CpusetCpus],
    ["CpusetMems", resources.CpusetMems],
  ] as const) {
    if (set && !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(set)) {
      throw invalidArgument(
        `Invalid value ${set} for ${name === "CpusetCpus" ? "cpuset cpus" : "cpuset mems"}`,
      );
    }
  }
}

function validateNetworkMode(config: ContainerConfig, host: HostConfig): void {
  const mode = host.NetworkMode ?? "";
  const borrowed = mode.startsWith("container:");
  if (borrowed && mode === "container:") {
    throw invalidArgument("Invalid network mode: invalid container format container:<name|id>");
  }
  if (borrowed && config.Hostname) {
    throw invalidArgument("conflicting options: hostname and the network mode");
  }
  const links = (kind: string) =>
    invalidArgument(
      `conflicting options: ${kind} can't be used with links. This would result in undefined behavior`,
    );
  const hasLinks = (host.Links?.length ?? 0) > 0;
  if (borrowed && hasLinks) throw links("container type network");
  if (borrowed && host.Dns?.length) throw invalidArgument("conflicting options: dns and the network mode");
  if (borrowed && host.ExtraHosts?.length) {
    throw invalidArgument("conflicting options: custom host-to-IP mapping and the network mode");
  }
  if ((borrowed || mode === "host") && config.MacAddress) {
    throw invalidArgument("conflicting options: mac-address and the network mode");
  }
  if (mode === "host" && hasLinks) throw links("host type networking");
  if (borrowed && (host.PublishAllPorts || Object.keys(host.PortBindings ?? {}).length > 0)) {
    throw invalidArgument("conflicting options: port publishing and the container type network mode");
  }
  if (borrowed && Object.keys(config.ExposedPorts ?? {}).length > 0) {
    throw invalidArgument("conflicting options: port exposing and the container type network mode");
  }
}
