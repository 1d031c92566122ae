import { existsSync, readFileSync } from "node:fs";
import { type Logger, silentLogger } from "../../base/log.ts";
import { kernelAtLeast } from "../../linux/kernel-release.ts";
import { defaultApparmorProfile, ensureDefaultApparmorProfile } from "../../security/apparmor.ts";
import { containerCapabilities } from "../../security/capabilities.ts";
import { readSecurityFacts, type SecurityFacts } from "../../security/host-facts.ts";
import { defaultMaskedPaths, hostMaskedPaths } from "../../security/paths.ts";
import { SeccompFilters } from "../../security/seccomp.ts";
import { type HardLimits, readHardLimits } from "./rlimits.ts";

/** What of host and daemon goes into every container's specification. Made once, when the daemon starts. */
export interface SpecHost {
  security: SecurityFacts;
  seccomp: SeccompFilters;
  /** What confines containers that ask for nothing else; undefined where there is none. */
  apparmorProfile: string | undefined;
  /** What a container's limits cannot exceed; undefined when the daemon may raise them. */
  hardLimits: HardLimits | undefined;
  /** The least OOM score that can be given; undefined when any can. */
  leastOomScoreAdj: number | undefined;
  maskedPaths: readonly string[];
  recursiveReadOnly: boolean;
  /** Containers see hierarchies of cgroup v1. */
  hasCgroupV1: boolean;
  /** Set in every network namespace of a container: unprivileged ports and ping. */
  networkSysctls: Readonly<Record<string, string>>;
}

/** Reads it all from the kernel, and gives it the AppArmor profile of containers where it takes one. */
export function readSpecHost(log: Logger = silentLogger): SpecHost {
  const security = readSecurityFacts();
  const limited = !security.capabilities.includes("CAP_SYS_RESOURCE");
  return {
    security,
    seccomp: new SeccompFilters(security),
    apparmorProfile: security.apparmor ? loadedProfile(log) : undefined,
    hardLimits: limited ? readHardLimits() : undefined,
    leastOomScoreAdj: limited ? Number(readFileSync("/proc/self/oom_score_adj", "utf8")) : undefined,
    maskedPaths: [...defaultMaskedPaths, ...hostMaskedPaths()],
    recursiveReadOnly: kernelAtLeast(security.kernelRelease, "5.12"),
    hasCgroupV1: !existsSync("/sys/fs/cgroup/cgroup.controllers"),
    networkSysctls: Object.fromEntries(
      [
        ["net.ipv4.ip_unprivileged_port_start", "0"],
        ["net.ipv4.ping_group_range", "0 2147483647"],
      ].filter(([name = ""]) => existsSync(`/proc/sys/${name.replaceAll(".", "/")}`)),
    ),
  };
}

/** A host where it cannot be loaded runs containers without, as hosts without AppArmor do; the log says so. */
function loadedProfile(log: Logger): string | undefined {
  try {
    ensureDefaultApparmorProfile();
    return defaultApparmorProfile;
  } catch (error) {
    log.warn("containers are not confined by AppArmor", { error });
    return undefined;
  }
}

/** Compiles the filter that most containers have, so that the first of them need not wait for it (some 20 ms). */
export function warmUp(host: SpecHost): void {
  const capabilities = containerCapabilities({}, host.security.capabilities);
  host.seccomp.filterFor({ profile: undefined, privileged: false, capabilities });
}
