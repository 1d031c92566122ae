import type { ContainerConfig, HostConfig, Ulimit } from "../../api/containers.ts";
import type { ProcessSpec } from "../../oci/runtime-spec.ts";
import { parseSecurityOptions, type SecurityOptions } from "../../security/security-opt.ts";
import { environment } from "./environment.ts";
import { apparmorOf, boundingSet, mergedRlimits, processCapabilities } from "./process.ts";
import { RootfsView } from "./rootfs-view.ts";
import type { SpecHost } from "./spec-host.ts";
import { resolveUser } from "./user.ts";

export interface ExecInput {
  config: ContainerConfig;
  hostConfig: HostConfig;
  /** The root file system of the running container, on the host. */
  rootfs: string;
  args: readonly string[];
  tty: boolean;
  /** Over the container's own. */
  env: readonly string[];
  /** Empty: as the container's first process. */
  user: string;
  workingDir: string;
  privileged: boolean;
  consoleSize?: { height: number; width: number } | undefined;
  defaultUlimits?: readonly Ulimit[];
  securityDefaults?: Partial<SecurityOptions>;
}

/** A process that is run in a container which runs already. Throws `invalidArgument`. */
export function buildExecProcess(input: ExecInput, host: SpecHost): ProcessSpec {
  using rootfs = new RootfsView(input.rootfs);
  const { config, hostConfig, tty } = input;
  const options = parseSecurityOptions(hostConfig.SecurityOpt ?? [], input.securityDefaults);
  const { home, ...user } = resolveUser(input.user || config.User || "", hostConfig.GroupAdd ?? [], {
    passwd: () => rootfs.readText("/etc/passwd"),
    group: () => rootfs.readText("/etc/group"),
  });
  const bounding = input.privileged ? [...host.security.capabilities] : boundingSet(hostConfig, host);
  const layers = [config.Env ?? [], input.env];
  return {
    ...(tty && { terminal: true }),
    ...(tty && input.consoleSize && { consoleSize: input.consoleSize }),
    user,
    args: [...input.args],
    env: environment({ hostname: config.Hostname ?? "", tty, home, layers }),
    cwd: input.workingDir || config.WorkingDir || "/",
    capabilities: processCapabilities(user.uid, bounding),
    ...mergedRlimits(input.defaultUlimits, hostConfig, host),
    ...(options.noNewPrivileges && { noNewPrivileges: true }),
    // `exec --privileged` stays in the container's profile, as in Docker.
    ...apparmorOf(options, hostConfig.Privileged ?? false, host),
    oomScoreAdj: Math.max(hostConfig.OomScoreAdj ?? 0, host.leastOomScoreAdj ?? -1000),
  };
}
