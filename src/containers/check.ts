import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import { invalidArgument } from "../base/errors.ts";
import { parseDeviceRule } from "../security/devices.ts";
import { defaultReadonlyPaths } from "../security/paths.ts";
import { parseSecurityOptions } from "../security/security-opt.ts";
import type { UserRemap } from "../security/user-remap.ts";
import { defaultTmpfsOptions, mergeTmpfsOptions } from "../volumes/tmpfs-options.ts";
import { checkConfig } from "./check-config.ts";
import type { CgroupFeatures } from "./spec/cgroup-features.ts";
import { type Adapted, checkResources } from "./spec/check-resources.ts";
import { validateNamespaceModes } from "./spec/namespaces.ts";
import { boundingSet } from "./spec/process.ts";
import { toRlimits } from "./spec/rlimits.ts";
import type { SpecHost } from "./spec/spec-host.ts";
import { checkUserNamespace } from "./user-namespace.ts";

/** What a request is held against. */
export interface CheckHost {
  specHost: SpecHost;
  features: CgroupFeatures;
  /** The names that `--runtime` may take. */
  runtimes: readonly string[];
  /** What `--userns-remap` makes of the ids of containers. */
  userRemap?: UserRemap | undefined;
}

/**
 * At create: refuses, with Docker's words, what makes no sense, and what could only be refused at the start; fits the
 * limits to the host, and fills in the masked and read-only paths, which `inspect` shows. Throws `invalidArgument`.
 */
export function checkRequest(
  { config, hostConfig }: { config: ContainerConfig; hostConfig: HostConfig },
  { specHost: host, features, runtimes, userRemap }: CheckHost,
): Adapted<HostConfig> {
  checkConfig(config, hostConfig, runtimes);
  const { value, warnings } = checkResources(hostConfig, features);
  validateNamespaceModes(hostConfig);
  checkUserNamespace(userRemap, hostConfig);
  if (hostConfig.UTSMode === "host" && config.Hostname) {
    throw invalidArgument("conflicting options: hostname and the UTS mode");
  }
  const capabilities = boundingSet(hostConfig, host);
  const options = parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  host.seccomp.filterFor({
    profile: options.seccomp,
    privileged: hostConfig.Privileged ?? false,
    capabilities,
  });
  toRlimits(hostConfig.Ulimits ?? [], host.hardLimits);
  for (const rule of hostConfig.DeviceCgroupRules ?? []) parseDeviceRule(rule);
  for (const options of Object.values(hostConfig.Tmpfs ?? {})) {
    mergeTmpfsOptions([...defaultTmpfsOptions, ...options.split(",").filter((option) => option !== "")]);
  }
  checkOomScore(hostConfig);
  checkQuality(hostConfig);
  const open = hostConfig.Privileged || options.systemPathsUnconfined;
  const discarded =
    hostConfig.NetworkMode === "host" && Object.keys(hostConfig.PortBindings ?? {}).length > 0
      ? ["Published ports are discarded when using host network mode"]
      : [];
  return {
    value: {
      ...(open ? value : withSystemPaths(value, host)),
      CpuPercent: 0,
      CpuCount: 0,
      KernelMemory: undefined,
      KernelMemoryTCP: undefined,
    },
    warnings: [...warnings, ...unknownToLinux(hostConfig), ...discarded],
  };
}

/** What is accepted and cannot be carried out by any Linux of today. */
function unknownToLinux({ CpuPercent, CpuCount, KernelMemory, KernelMemoryTCP }: HostConfig): string[] {
  const noKernelMemory = (what: string) =>
    `Your kernel does not support ${what} limit capabilities or the cgroup is not mounted. Limitation discarded.`;
  return [
    ...(CpuPercent ? ["linux does not support CPU percent. Percent discarded."] : []),
    ...(CpuCount ? ["linux does not support CPU count. Count discarded."] : []),
    ...(KernelMemory ? [noKernelMemory("kernel memory")] : []),
    ...(KernelMemoryTCP ? [noKernelMemory("kernel memory TCP")] : []),
  ];
}

/** What only Windows can limit. Throws `invalidArgument`. */
function checkQuality({ IOMaximumBandwidth: bandwidth, IOMaximumIOps: operations }: HostConfig): void {
  const refuse = (what: string) =>
    invalidArgument(`Invalid QoS settings: linux does not support configuration of ${what}`);
  if (bandwidth) throw refuse("maximum bandwidth");
  if (operations) throw refuse("maximum IOPs");
}

function withSystemPaths(hostConfig: HostConfig, host: SpecHost): HostConfig {
  return {
    ...hostConfig,
    MaskedPaths: hostConfig.MaskedPaths ?? [...host.maskedPaths],
    ReadonlyPaths: hostConfig.ReadonlyPaths ?? [...defaultReadonlyPaths],
  };
}

function checkOomScore({ OomScoreAdj: score = 0 }: HostConfig): void {
  if (score < -1000 || score > 1000) {
    throw invalidArgument(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  }
}
