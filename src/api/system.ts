import { ContainerSummary } from "./containers.ts";
import { ImageSummary } from "./images.ts";
import {
  any,
  bool,
  exactInt64,
  type Infer,
  int,
  int64,
  list,
  map,
  nullable,
  optional,
  since,
  string,
  stringOf,
  struct,
  until,
} from "./schema.ts";
import { Volume } from "./volumes.ts";

export const SystemVersion = struct("system.VersionResponse", () => ({
  Platform: optional(struct("system.PlatformInfo", () => ({ Name: string }))),
  Version: string,
  ApiVersion: string,
  MinAPIVersion: optional(string),
  Os: string,
  Arch: string,
  Components: optional(
    list(
      struct("system.ComponentVersion", () => ({
        Name: string,
        Version: string,
        Details: optional(map(string)),
      })),
    ),
  ),
  GitCommit: string,
  GoVersion: string,
  KernelVersion: optional(string),
  Experimental: optional(bool),
  BuildTime: optional(string),
}));
export type SystemVersion = Infer<typeof SystemVersion>;

export const IndexInfo = struct("registry.IndexInfo", () => ({
  Name: string,
  Mirrors: list(string),
  Secure: bool,
  Official: bool,
}));
export type IndexInfo = Infer<typeof IndexInfo>;

export const RegistryServiceConfig = struct("registry.ServiceConfig", () => ({
  AllowNondistributableArtifactsCIDRs: until("1.48", nullable(list(string))),
  AllowNondistributableArtifactsHostnames: until("1.48", nullable(list(string))),
  InsecureRegistryCIDRs: list(string),
  IndexConfigs: map(IndexInfo),
  Mirrors: nullable(list(string)),
}));
export type RegistryServiceConfig = Infer<typeof RegistryServiceConfig>;

export const PluginsInfo = struct("system.PluginsInfo", () => ({
  Volume: list(string),
  Network: list(string),
  Authorization: nullable(list(string)),
  Log: list(string),
}));
export type PluginsInfo = Infer<typeof PluginsInfo>;

export const Runtime = struct("system.RuntimeWithStatus", () => ({
  path: optional(string),
  runtimeArgs: optional(list(string)),
  status: since("1.44", map(string)),
}));
export type Runtime = Infer<typeof Runtime>;

export const Commit = struct("system.Commit", () => ({ ID: string, Expected: until("1.48", string) }));
export type Commit = Infer<typeof Commit>;

export const SwarmInfo = struct("swarm.Info", () => ({
  NodeID: string,
  NodeAddr: string,
  LocalNodeState: stringOf("", "inactive", "pending", "active", "error", "locked"),
  ControlAvailable: bool,
  Error: string,
  RemoteManagers: nullable(list(struct("swarm.Peer", () => ({ NodeID: string, Addr: string })))),
  Nodes: optional(int),
  Managers: optional(int),
  Cluster: optional(any),
  Warnings: optional(list(string)),
}));
export type SwarmInfo = Infer<typeof SwarmInfo>;

/** `GET /info`. */
export const SystemInfo = struct("system.Info", () => ({
  ID: string,
  Containers: int,
  ContainersRunning: int,
  ContainersPaused: int,
  ContainersStopped: int,
  Images: int,
  Driver: string,
  DriverStatus: list(list(string)),
  Plugins: PluginsInfo,
  MemoryLimit: bool,
  SwapLimit: bool,
  KernelMemory: until("1.41", bool),
  CpuCfsPeriod: bool,
  CpuCfsQuota: bool,
  CPUShares: bool,
  CPUSet: bool,
  PidsLimit: bool,
  IPv4Forwarding: bool,
  BridgeNfIptables: until("1.49", bool),
  BridgeNfIp6tables: until("1.49", bool),
  Debug: bool,
  NFd: int,
  OomKillDisable: bool,
  NGoroutines: int,
  SystemTime: string,
  LoggingDriver: string,
  CgroupDriver: string,
  CgroupVersion: optional(string),
  NEventsListener: int,
  KernelVersion: string,
  OperatingSystem: string,
  OSVersion: string,
  OSType: string,
  Architecture: string,
  IndexServerAddress: string,
  RegistryConfig: nullable(RegistryServiceConfig),
  NCPU: int,
  MemTotal: int64,
  GenericResources: nullable(list(any)),
  DockerRootDir: string,
  HttpProxy: string,
  HttpsProxy: string,
  NoProxy: string,
  Name: string,
  Labels: list(string),
  ExperimentalBuild: bool,
  ServerVersion: string,
  Runtimes: map(Runtime),
  DefaultRuntime: string,
  Swarm: SwarmInfo,
  LiveRestoreEnabled: bool,
  Isolation: string,
  InitBinary: string,
  ContainerdCommit: Commit,
  RuncCommit: Commit,
  InitCommit: Commit,
  SecurityOptions: list(string),
  ProductLicense: optional(string),
  DefaultAddressPools: optional(
    list(struct("system.NetworkAddressPool", () => ({ Base: string, Size: int }))),
  ),
  FirewallBackend: since(
    "1.49",
    struct("system.FirewallInfo", () => ({ Driver: string, Info: optional(list(list(string))) })),
  ),
  CDISpecDirs: list(string),
  DiscoveredDevices: since("1.50", list(struct("system.DeviceInfo", () => ({ Source: string, ID: string })))),
  NRI: since(
    "1.53",
    struct("system.NRIInfo", () => ({ Info: optional(list(list(string))) })),
  ),
  Containerd: optional(any),
  Warnings: nullable(list(string)),
}));
export type SystemInfo = Infer<typeof SystemInfo>;

export const BuildCache = struct("build.CacheRecord", () => ({
  ID: string,
  Parents: optional(list(string)),
  Type: string,
  Description: string,
  InUse: bool,
  Shared: bool,
  Size: int64,
  CreatedAt: string,
  LastUsedAt: nullable(string),
  UsageCount: int,
}));
export type BuildCache = Infer<typeof BuildCache>;

const usageFields = { ActiveCount: int64, TotalCount: int64, Reclaimable: int64, TotalSize: int64 } as const;

export const ImagesDiskUsage = struct("image.DiskUsage", () => ({
  ...usageFields,
  Items: optional(list(ImageSummary)),
}));
export type ImagesDiskUsage = Infer<typeof ImagesDiskUsage>;
export const ContainersDiskUsage = struct("container.DiskUsage", () => ({
  ...usageFields,
  Items: optional(list(ContainerSummary)),
}));
export type ContainersDiskUsage = Infer<typeof ContainersDiskUsage>;
export const VolumesDiskUsage = struct("volume.DiskUsage", () => ({
  ...usageFields,
  Items: optional(list(Volume)),
}));
export type VolumesDiskUsage = Infer<typeof VolumesDiskUsage>;
export const BuildCacheDiskUsage = struct("build.DiskUsage", () => ({
  ...usageFields,
  Items: optional(list(BuildCache)),
}));
export type BuildCacheDiskUsage = Infer<typeof BuildCacheDiskUsage>;

/** `GET /system/df`: whole lists until API 1.51, sums (and lists when `verbose`) from 1.52. Bytes. */
export const SystemDataUsage = struct("system.DiskUsage", () => ({
  LayersSize: until("1.51", int64),
  Images: until("1.51", nullable(list(ImageSummary))),
  Containers: until("1.51", nullable(list(ContainerSummary))),
  Volumes: until("1.51", nullable(list(Volume))),
  BuildCache: until("1.51", nullable(list(BuildCache))),
  BuilderSize: until("1.41", int64),
  ImageUsage: since("1.52", ImagesDiskUsage),
  ContainerUsage: since("1.52", ContainersDiskUsage),
  VolumeUsage: since("1.52", VolumesDiskUsage),
  BuildCacheUsage: since("1.52", BuildCacheDiskUsage),
}));
export type SystemDataUsage = Infer<typeof SystemDataUsage>;

export const EventActor = struct("events.Actor", () => ({ ID: string, Attributes: map(string) }));
export type EventActor = Infer<typeof EventActor>;

/** One line of `GET /events`. `time` in seconds, `timeNano` in nanoseconds since 1970. */
export const EventMessage = struct("events.Message", () => ({
  status: until("1.51", string),
  id: until("1.51", string),
  from: until("1.51", string),
  Type: stringOf(
    "builder",
    "config",
    "container",
    "daemon",
    "image",
    "network",
    "node",
    "plugin",
    "secret",
    "service",
    "volume",
  ),
  Action: string,
  Actor: EventActor,
  scope: optional(stringOf("local", "swarm")),
  time: optional(int64),
  timeNano: optional(exactInt64),
}));
export type EventMessage = Infer<typeof EventMessage>;
