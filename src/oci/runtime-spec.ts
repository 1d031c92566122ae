/**
 * The bundle's config.json: the part of the OCI runtime specification (1.2, config.md and config-linux.md) that the
 * engine writes. Field names and units are the specification's.
 */

export interface RuntimeSpec {
  ociVersion: string;
  process: ProcessSpec;
  root: { path: string; readonly?: boolean };
  hostname?: string;
  mounts: MountSpec[];
  annotations?: Record<string, string>;
  hooks?: HooksSpec;
  linux: LinuxSpec;
}

/** A program of the host that the runtime starts on the way. `timeout` in seconds. */
export interface HookSpec {
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}

export interface HooksSpec {
  prestart?: HookSpec[];
  createRuntime?: HookSpec[];
  createContainer?: HookSpec[];
  startContainer?: HookSpec[];
  poststart?: HookSpec[];
  poststop?: HookSpec[];
}

/** What runs: the container's first process, or one that is executed in it later. */
export interface ProcessSpec {
  terminal?: boolean;
  consoleSize?: { height: number; width: number };
  user: ProcessUser;
  args: string[];
  /** `NAME=value`. */
  env: string[];
  cwd: string;
  capabilities?: ProcessCapabilities;
  rlimits?: Rlimit[];
  noNewPrivileges?: boolean;
  apparmorProfile?: string;
  selinuxLabel?: string;
  oomScoreAdj?: number;
}

export interface ProcessUser {
  uid: number;
  gid: number;
  umask?: number;
  additionalGids?: number[];
}

/** Names with their prefix: `CAP_CHOWN`. */
export interface ProcessCapabilities {
  bounding?: string[];
  effective?: string[];
  permitted?: string[];
  inheritable?: string[];
  ambient?: string[];
}

/** `type` is `RLIMIT_NOFILE`, …; "unlimited" is 2^64-1, which JSON carries as a number. */
export interface Rlimit {
  type: string;
  soft: number;
  hard: number;
}

export interface MountSpec {
  destination: string;
  type?: string;
  source?: string;
  /** As mount(8) writes them, and those that the runtimes add (`rbind`, `rprivate`, `rro`). */
  options?: string[];
}

export type NamespaceType = "mount" | "network" | "uts" | "pid" | "ipc" | "user" | "cgroup" | "time";

/** Without `path` a new one is made; a type that is not listed is the runtime's own. */
export interface NamespaceSpec {
  type: NamespaceType;
  path?: string;
}

/** `containerID` and the `size - 1` that follow are those from `hostID` on. */
export interface IdMappingSpec {
  containerID: number;
  hostID: number;
  size: number;
}

export interface LinuxSpec {
  uidMappings?: IdMappingSpec[];
  gidMappings?: IdMappingSpec[];
  sysctl?: Record<string, string>;
  resources?: LinuxResources;
  /** From the root of the cgroup mounts (cgroupfs driver), or `slice:prefix:name` (systemd driver). */
  cgroupsPath?: string;
  namespaces: NamespaceSpec[];
  devices?: DeviceSpec[];
  seccomp?: SeccompSpec;
  rootfsPropagation?: string;
  maskedPaths?: string[];
  readonlyPaths?: string[];
}

/** A device node that is made in the container. */
export interface DeviceSpec {
  path: string;
  type: "c" | "b" | "p" | "u";
  major: number;
  minor: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
}

/** What the devices cgroup says of a device; without a number it is all of them. Later rules win. */
export interface DeviceRule {
  allow: boolean;
  type?: "a" | "c" | "b";
  major?: number;
  minor?: number;
  /** Some of `r`, `w`, `m` (make the node). */
  access: string;
}

export interface LinuxResources {
  devices?: DeviceRule[];
  memory?: MemoryResources;
  cpu?: CpuResources;
  pids?: { limit: number };
  blockIO?: BlockIoResources;
}

/** Bytes; `swap` is memory and swap together. -1 is no limit. */
export interface MemoryResources {
  limit?: number;
  reservation?: number;
  swap?: number;
  /** 0 to 100. */
  swappiness?: number;
  disableOOMKiller?: boolean;
}

/** Microseconds; `cpus` and `mems` are lists as in cpuset(7). */
export interface CpuResources {
  shares?: number;
  quota?: number;
  period?: number;
  realtimeRuntime?: number;
  realtimePeriod?: number;
  cpus?: string;
  mems?: string;
}

export interface WeightDeviceSpec {
  major: number;
  minor: number;
  weight: number;
}

/** `rate` in bytes or operations a second. */
export interface ThrottleDeviceSpec {
  major: number;
  minor: number;
  rate: number;
}

export interface BlockIoResources {
  weight?: number;
  weightDevice?: WeightDeviceSpec[];
  throttleReadBpsDevice?: ThrottleDeviceSpec[];
  throttleWriteBpsDevice?: ThrottleDeviceSpec[];
  throttleReadIOPSDevice?: ThrottleDeviceSpec[];
  throttleWriteIOPSDevice?: ThrottleDeviceSpec[];
}

/** A seccomp filter for one architecture and its compatible ones. The first rule of a system call that matches wins. */
export interface SeccompSpec {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: SeccompRule[];
}

/** All of `args` must hold. */
export interface SeccompRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: SeccompArgument[];
}

/** Compares argument number `index`; for `SCMP_CMP_MASKED_EQ`, `(argument & value) == valueTwo`. */
export interface SeccompArgument {
  index: number;
  value: number;
  valueTwo?: number;
  op: string;
}
