import { join } from "node:path";
import { internal } from "../../base/errors.ts";
import type { IdExtent } from "../../linux/user-namespace.ts";
import type { IdMappingSpec, LinuxSpec, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { criuConfigAnnotation } from "../../runtime/supervisor/criu.ts";
import { injectDevices } from "../../security/cdi.ts";
import { containerDevices } from "../../security/devices.ts";
import { defaultReadonlyPaths } from "../../security/paths.ts";
import type { SeccompFilter } from "../../security/seccomp.ts";
import { parseSecurityOptions, type SecurityOptions } from "../../security/security-opt.ts";
import { withLateLimits } from "./late-limits.ts";
import { type ContainerMounts, containerMounts } from "./mounts.ts";
import { namespaces } from "./namespaces.ts";
import { boundingSet, initArguments, processSpec } from "./process.ts";
import { containerResources } from "./resources.ts";
import { RootfsView } from "./rootfs-view.ts";
import type { SpecHost } from "./spec-host.ts";
import type { SpecInput } from "./spec-input.ts";

export type { SpecInput } from "./spec-input.ts";

/** The annotation of crun that takes a compiled seccomp filter (crun(1)). */
const seccompAnnotation = "run.oci.seccomp_bpf_data";

/**
 * The bundle's config.json for a container that is about to start. Reads the container's user database, and makes its
 * working directory when it is missing. Throws `invalidArgument` with Docker's words for what cannot be.
 */
export function buildSpec(input: SpecInput, host: SpecHost): RuntimeSpec {
  using rootfs = new RootfsView(input.rootfs);
  const { config, hostConfig } = input;
  const options = parseSecurityOptions(hostConfig.SecurityOpt ?? [], input.securityDefaults);
  const capabilities = boundingSet(hostConfig, host);
  const init = wantsInit(input) ? foundInit(input) : undefined;
  const process = processSpec({ input, host, options, capabilities, rootfs });
  rootfs.makeDirectories(process.cwd, input.users?.root);
  const mounts = containerMounts({
    host: hostConfig,
    mounts: input.mounts,
    networkFiles: input.networkFiles,
    shmPath: input.shmPath,
    initPath: init,
    recursiveReadOnly: host.recursiveReadOnly,
    remapped: input.users !== undefined,
    writableCgroups: options.writableCgroups,
    closeCgroupTmpfs: input.crun && host.hasCgroupV1,
  });
  const seccomp = host.seccomp.filterFor({
    profile: options.seccomp,
    privileged: hostConfig.Privileged ?? false,
    capabilities,
  });
  const spec: RuntimeSpec = {
    ociVersion: "1.0.2",
    process: init ? { ...process, args: initArguments(process.args) } : process,
    root: { path: input.rootfs, ...(hostConfig.ReadonlyRootfs && { readonly: true }) },
    ...(hostConfig.UTSMode !== "host" && { hostname: config.Hostname ?? "" }),
    mounts: mounts.mounts,
    ...annotations(input, seccomp),
    linux: linuxSpec(input, host, { options, mounts, seccomp }),
  };
  const whole = injectDevices(spec, hostConfig.DeviceRequests ?? [], input.cdiDirectories);
  return input.crun ? withLateLimits(whole) : whole;
}

/** An init makes sense as process 1 only. */
function wantsInit({ hostConfig }: SpecInput): boolean {
  return hostConfig.Init === true && !hostConfig.PidMode;
}

/** The host's init program. Throws `internal` with Docker's words where there is none. */
function foundInit({ initPath }: SpecInput): string {
  if (initPath === undefined) throw internal('exec: "docker-init": executable file not found in $PATH');
  return initPath;
}

function annotations({ hostConfig, crun, criuConfig }: SpecInput, seccomp: SeccompFilter | undefined) {
  const all = {
    ...(criuConfig !== undefined && { [criuConfigAnnotation]: criuConfig }),
    ...hostConfig.Annotations,
    ...(crun && seccomp?.bpf && { [seccompAnnotation]: seccomp.bpf }),
  };
  return Object.keys(all).length > 0 ? { annotations: all } : {};
}

interface Parts {
  options: SecurityOptions;
  mounts: ContainerMounts;
  seccomp: SeccompFilter | undefined;
}

function linuxSpec(input: SpecInput, host: SpecHost, { options, mounts, seccomp }: Parts): LinuxSpec {
  const { hostConfig } = input;
  const privileged = hostConfig.Privileged ?? false;
  const open = privileged || options.systemPathsUnconfined;
  const devices = containerDevices({
    privileged,
    mappings: hostConfig.Devices ?? [],
    rules: hostConfig.DeviceCgroupRules ?? [],
  });
  const cgroupns = (hostConfig.CgroupnsMode || input.cgroupnsDefault) === "private" ? "private" : "host";
  return {
    // The namespace has them already, but runc wants to be told.
    ...(input.users && {
      uidMappings: input.users.uids.map(mappingSpec),
      gidMappings: input.users.gids.map(mappingSpec),
    }),
    sysctl: sysctls(input, host),
    resources: { devices: devices.rules, ...containerResources(hostConfig) },
    cgroupsPath: cgroupsPath(input),
    namespaces: namespaces({
      host: hostConfig,
      netnsPath: input.netnsPath,
      userPath: input.users?.path,
      joined: input.joined ?? {},
      cgroupns,
    }),
    ...(devices.nodes.length > 0 && { devices: devices.nodes }),
    ...(seccomp && { seccomp: seccomp.spec }),
    ...(mounts.rootfsPropagation && { rootfsPropagation: mounts.rootfsPropagation }),
    maskedPaths: open ? [] : [...(hostConfig.MaskedPaths ?? host.maskedPaths)],
    readonlyPaths: open ? [] : [...(hostConfig.ReadonlyPaths ?? defaultReadonlyPaths)],
  };
}

/** `linux.cgroupsPath` of a container. */
export function cgroupsPath({
  id,
  hostConfig,
  cgroupDriver,
  cgroupParent,
}: Pick<SpecInput, "id" | "hostConfig" | "cgroupDriver" | "cgroupParent">): string {
  const parent = hostConfig.CgroupParent || cgroupParent;
  if (cgroupDriver === "systemd") return `${parent}:docker:${id}`;
  // From the root of the hierarchy on, and never out of it.
  return join("/", parent, id);
}

const mappingSpec = ({ inside, outside, count }: IdExtent): IdMappingSpec => ({
  containerID: inside,
  hostID: outside,
  size: count,
});

/** The kernel takes no range of groups that are not all mapped (EINVAL). */
function ofOwnGroups({ "net.ipv4.ping_group_range": _, ...others }: Readonly<Record<string, string>>) {
  return others;
}

/** The kernel's settings of the container's own namespaces; only a network of its own takes the network's. */
function sysctls({ config, hostConfig, users }: SpecInput, host: SpecHost): Record<string, string> {
  const mode = hostConfig.NetworkMode ?? "";
  const ownNetwork = mode !== "host" && !mode.startsWith("container:");
  return {
    // The specification of the runtimes has no field for the NIS domain name.
    ...(config.Domainname && { "kernel.domainname": config.Domainname }),
    ...(ownNetwork && (users ? ofOwnGroups(host.networkSysctls) : host.networkSysctls)),
    ...hostConfig.Sysctls,
  };
}
