import type { HostConfig, Ulimit } from "../../api/host-config.ts";
import type { ProcessCapabilities, ProcessSpec } from "../../oci/runtime-spec.ts";
import { defaultApparmorProfile, ensureDefaultApparmorProfile } from "../../security/apparmor.ts";
import { containerCapabilities } from "../../security/capabilities.ts";
import type { SecurityOptions } from "../../security/security-opt.ts";
import { environment } from "./environment.ts";
import { initDestination } from "./mounts.ts";
import { toRlimits } from "./rlimits.ts";
import type { RootfsView } from "./rootfs-view.ts";
import type { SpecHost } from "./spec-host.ts";
import type { SpecInput } from "./spec-input.ts";
import { resolveUser } from "./user.ts";

/** The bounding set that the container's options come to. Throws `invalidArgument`. */
export function boundingSet(hostConfig: HostConfig, host: SpecHost): string[] {
  return containerCapabilities(
    { add: hostConfig.CapAdd, drop: hostConfig.CapDrop, privileged: hostConfig.Privileged },
    host.security.capabilities,
  );
}

/** Only root has them at hand; another user's program gets them as execve(2) gives them: by set-uid and file. */
export function processCapabilities(uid: number, bounding: string[]): ProcessCapabilities {
  return uid === 0 ? { bounding, effective: bounding, permitted: bounding } : { bounding };
}

/** The container's limits over the daemon's. */
export function mergedRlimits(
  defaults: readonly Ulimit[] | undefined,
  hostConfig: HostConfig,
  host: SpecHost,
) {
  const limits = toRlimits([...(defaults ?? []), ...(hostConfig.Ulimits ?? [])], host.hardLimits);
  return limits.length > 0 ? { rlimits: limits } : {};
}

/** The AppArmor profile of a container's processes; undefined where the kernel has no AppArmor. */
export function apparmorProfileOf(options: SecurityOptions, privileged: boolean, host: SpecHost) {
  if (!host.security.apparmor) return undefined;
  return options.apparmor || (privileged ? "unconfined" : host.apparmorProfile);
}

/** The same for a process that is about to start: the default profile is there then. Throws `unavailable`. */
export function apparmorOf(options: SecurityOptions, privileged: boolean, host: SpecHost) {
  const profile = apparmorProfileOf(options, privileged, host);
  if (profile === defaultApparmorProfile) ensureDefaultApparmorProfile();
  return profile ? { apparmorProfile: profile } : {};
}

export const initArguments = (args: readonly string[]): string[] => [initDestination, "--", ...args];

interface ProcessInput {
  input: SpecInput;
  host: SpecHost;
  options: SecurityOptions;
  capabilities: string[];
  rootfs: RootfsView;
}

/** The container's first process. */
export function processSpec({ input, host, options, capabilities, rootfs }: ProcessInput): ProcessSpec {
  const { config, hostConfig } = input;
  const tty = config.Tty ?? false;
  const { home, ...user } = resolveUser(config.User ?? "", hostConfig.GroupAdd ?? [], {
    passwd: () => rootfs.readText("/etc/passwd"),
    group: () => rootfs.readText("/etc/group"),
  });
  const [height = 0, width = 0] = hostConfig.ConsoleSize ?? [];
  return {
    ...(tty && { terminal: true }),
    ...(tty && height > 0 && width > 0 && { consoleSize: { height, width } }),
    user,
    args: [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])],
    env: environment({ hostname: config.Hostname ?? "", tty, home, layers: [config.Env ?? []] }),
    cwd: config.WorkingDir || "/",
    capabilities: processCapabilities(user.uid, capabilities),
    ...mergedRlimits(input.defaultUlimits, hostConfig, host),
    ...(options.noNewPrivileges && { noNewPrivileges: true }),
    ...apparmorOf(options, hostConfig.Privileged ?? false, host),
    oomScoreAdj: Math.max(hostConfig.OomScoreAdj ?? 0, host.leastOomScoreAdj ?? -1000),
  };
}
