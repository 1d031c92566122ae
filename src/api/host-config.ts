import { PortMap } from "./endpoints.ts";
import { Mount } from "./mount.ts";
import {
  bool,
  type Infer,
  input,
  int,
  int64,
  list,
  map,
  nullable,
  optional,
  string,
  stringOf,
  uint16,
  uint64,
} from "./schema.ts";

export const DeviceMapping = input("container.DeviceMapping", () => ({
  PathOnHost: string,
  PathInContainer: string,
  CgroupPermissions: string,
}));
export type DeviceMapping = Infer<typeof DeviceMapping>;

export const DeviceRequest = input("container.DeviceRequest", () => ({
  Driver: string,
  Count: int,
  DeviceIDs: list(string),
  Capabilities: list(list(string)),
  Options: map(string),
}));
export type DeviceRequest = Infer<typeof DeviceRequest>;

export const ThrottleDevice = input("blkiodev.ThrottleDevice", () => ({ Path: string, Rate: uint64 }));
export type ThrottleDevice = Infer<typeof ThrottleDevice>;

export const WeightDevice = input("blkiodev.WeightDevice", () => ({ Path: string, Weight: uint16 }));
export type WeightDevice = Infer<typeof WeightDevice>;

export const Ulimit = input("units.Ulimit", () => ({ Name: string, Hard: int64, Soft: int64 }));
export type Ulimit = Infer<typeof Ulimit>;

export const RestartPolicy = input("container.RestartPolicy", () => ({
  Name: stringOf("", "no", "always", "unless-stopped", "on-failure"),
  MaximumRetryCount: int,
}));
export type RestartPolicy = Infer<typeof RestartPolicy>;

export const LogConfig = input("container.LogConfig", () => ({ Type: string, Config: map(string) }));
export type LogConfig = Infer<typeof LogConfig>;

/**
 * What a container may use. Bytes, shares, microseconds of CPU time a period; 0 is no limit, -1 unlimited swap or pids.
 */
export const resourceFields = {
  CpuShares: int64,
  Memory: int64,
  NanoCpus: int64,
  CgroupParent: string,
  BlkioWeight: uint16,
  BlkioWeightDevice: list(WeightDevice),
  BlkioDeviceReadBps: list(ThrottleDevice),
  BlkioDeviceWriteBps: list(ThrottleDevice),
  BlkioDeviceReadIOps: list(ThrottleDevice),
  BlkioDeviceWriteIOps: list(ThrottleDevice),
  CpuPeriod: int64,
  CpuQuota: int64,
  CpuRealtimePeriod: int64,
  CpuRealtimeRuntime: int64,
  CpusetCpus: string,
  CpusetMems: string,
  Devices: list(DeviceMapping),
  DeviceCgroupRules: list(string),
  DeviceRequests: list(DeviceRequest),
  /** Removed in API 1.42; accepted and ignored. */
  KernelMemory: optional(int64),
  KernelMemoryTCP: optional(int64),
  MemoryReservation: int64,
  MemorySwap: int64,
  MemorySwappiness: nullable(int64),
  OomKillDisable: nullable(bool),
  PidsLimit: nullable(int64),
  Ulimits: list(Ulimit),
  CpuCount: int64,
  CpuPercent: int64,
  IOMaximumIOps: uint64,
  IOMaximumBandwidth: uint64,
} as const;

export const Resources = input("container.Resources", () => resourceFields);
export type Resources = Infer<typeof Resources>;

/** What of a container depends on the host that it runs on. */
export const HostConfig = input("container.HostConfig", () => ({
  Binds: list(string),
  ContainerIDFile: string,
  LogConfig: LogConfig,
  NetworkMode: string,
  PortBindings: PortMap,
  RestartPolicy: RestartPolicy,
  AutoRemove: bool,
  VolumeDriver: string,
  VolumesFrom: list(string),
  ConsoleSize: list(int),
  Annotations: optional(map(string)),
  CapAdd: list(string),
  CapDrop: list(string),
  CgroupnsMode: string,
  Dns: list(string),
  DnsOptions: list(string),
  DnsSearch: list(string),
  ExtraHosts: list(string),
  GroupAdd: list(string),
  IpcMode: string,
  Cgroup: string,
  Links: list(string),
  OomScoreAdj: int,
  PidMode: string,
  Privileged: bool,
  PublishAllPorts: bool,
  ReadonlyRootfs: bool,
  SecurityOpt: list(string),
  StorageOpt: optional(map(string)),
  Tmpfs: optional(map(string)),
  UTSMode: string,
  UsernsMode: string,
  /** Bytes of /dev/shm. */
  ShmSize: int64,
  Sysctls: optional(map(string)),
  Runtime: optional(string),
  Isolation: string,
  ...resourceFields,
  Mounts: optional(list(Mount)),
  /** `null` or absent: Docker's defaults; an empty list: nothing is masked. */
  MaskedPaths: nullable(list(string)),
  ReadonlyPaths: nullable(list(string)),
  Init: optional(nullable(bool)),
  /** Longshore's own: what is done with a container that becomes unhealthy. */
  HealthOnFailure: optional(string),
}));
export type HostConfig = Infer<typeof HostConfig>;
