import type { ContainerConfig, HostConfig } from "../../api/containers.ts";
import { invalidArgument } from "../../base/errors.ts";
import { parseDeviceRule } from "../../security/devices.ts";
import { defaultReadonlyPaths } from "../../security/paths.ts";
import { parseSecurityOptions } from "../../security/security-opt.ts";
import { defaultTmpfsOptions, mergeTmpfsOptions } from "../../volumes/tmpfs-options.ts";
import { type Adapted, adaptResources } from "./adapt-resources.ts";
import type { CgroupFeatures } from "./cgroup-features.ts";
import { validateNamespaceModes } from "./namespaces.ts";
import { boundingSet } from "./process.ts";
import { toRlimits } from "./rlimits.ts";
import type { SpecHost } from "./spec-host.ts";

/**
 * At create: refuses, with Docker's words, what `buildSpec` could only refuse at the start, fits the limits to the
 * host, and fills in the masked and read-only paths, which `inspect` shows. Throws `invalidArgument`.
 */
export function checkHostConfig(
  { config, hostConfig }: { config: ContainerConfig; hostConfig: HostConfig },
  host: SpecHost,
  features: CgroupFeatures,
): Adapted<HostConfig> {
  validateNamespaceModes(hostConfig);
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
  checkScores(hostConfig);
  const { value, warnings } = adaptResources(hostConfig, features);
  const open = hostConfig.Privileged || options.systemPathsUnconfined;
  const discarded =
    hostConfig.NetworkMode === "host" && Object.keys(hostConfig.PortBindings ?? {}).length > 0
      ? ["Published ports are discarded when using host network mode"]
      : [];
  return { value: open ? value : withSystemPaths(value, host), warnings: [...warnings, ...discarded] };
}

function withSystemPaths(hostConfig: HostConfig, host: SpecHost): HostConfig {
  return {
    ...hostConfig,
    MaskedPaths: hostConfig.MaskedPaths ?? [...host.maskedPaths],
    ReadonlyPaths: hostConfig.ReadonlyPaths ?? [...defaultReadonlyPaths],
  };
}

function checkScores({ OomScoreAdj: score = 0, DeviceRequests: requests }: HostConfig): void {
  if (score < -1000 || score > 1000) {
    throw invalidArgument(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  }
  const request = requests?.[0];
  if (!request) return;
  const capabilities = (request.Capabilities ?? []).map((group) => `[${group.join(" ")}]`).join(" ");
  throw invalidArgument(
    `could not select device driver ${JSON.stringify(request.Driver ?? "")} with capabilities: [${capabilities}]`,
  );
}
