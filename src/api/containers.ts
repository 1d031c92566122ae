import { OCIDescriptor } from "./descriptor.ts";
import { EndpointSettings, NetworkingConfig, PortMap } from "./endpoints.ts";
import { HostConfig, RestartPolicy, resourceFields } from "./host-config.ts";
import {
  any,
  bool,
  type Infer,
  input,
  int,
  int64,
  list,
  map,
  nullable,
  optional,
  since,
  string,
  stringOf,
  stringOrList,
  struct,
  uint16,
} from "./schema.ts";

export * from "./endpoints.ts";
export * from "./host-config.ts";
export * from "./mount.ts";

/** How a container's health is checked; times in nanoseconds, 0 inherits. */
export const HealthConfig = input("container.HealthConfig", () => ({
  Test: optional(list(string)),
  Interval: optional(int64),
  Timeout: optional(int64),
  StartPeriod: optional(int64),
  StartInterval: optional(int64),
  Retries: optional(int),
}));
export type HealthConfig = Infer<typeof HealthConfig>;

const containerConfigFields = {
  Hostname: string,
  Domainname: string,
  User: string,
  AttachStdin: bool,
  AttachStdout: bool,
  AttachStderr: bool,
  ExposedPorts: optional(map(input("struct {}", () => ({})))),
  Tty: bool,
  OpenStdin: bool,
  StdinOnce: bool,
  Env: list(string),
  Cmd: stringOrList,
  Healthcheck: optional(HealthConfig),
  ArgsEscaped: optional(bool),
  Image: string,
  Volumes: map(input("struct {}", () => ({}))),
  WorkingDir: string,
  Entrypoint: stringOrList,
  NetworkDisabled: optional(bool),
  /** Until API 1.43 the MAC address of the container; later it belongs to the endpoint. */
  MacAddress: optional(string),
  OnBuild: list(string),
  Labels: map(string),
  StopSignal: optional(string),
  StopTimeout: optional(nullable(int)),
  Shell: optional(stringOrList),
} as const;

/** What a container is, wherever it runs. */
export const ContainerConfig = input("container.Config", () => containerConfigFields);
export type ContainerConfig = Infer<typeof ContainerConfig>;

/** Body of `POST /containers/create`. */
export const ContainerCreateRequest = input("container.CreateRequest", () => ({
  ...containerConfigFields,
  HostConfig: HostConfig,
  NetworkingConfig: NetworkingConfig,
}));
export type ContainerCreateRequest = Infer<typeof ContainerCreateRequest>;

export const ContainerCreateResponse = struct("container.CreateResponse", () => ({
  Id: string,
  Warnings: list(string),
}));
export type ContainerCreateResponse = Infer<typeof ContainerCreateResponse>;

/** Body of `POST /containers/{id}/checkpoints`. */
export const CheckpointCreateRequest = input("checkpoint.CreateOptions", () => ({
  CheckpointID: string,
  CheckpointDir: string,
  Exit: bool,
}));

export const CheckpointList = list(struct("checkpoint.Summary", () => ({ Name: string })));

/** Body of `POST /containers/{id}/update`. */
export const ContainerUpdateRequest = input("container.UpdateConfig", () => ({
  ...resourceFields,
  RestartPolicy: RestartPolicy,
  /** Longshore's own: ports to publish, as in HostConfig.PortBindings, and those to publish no longer. */
  PublishAdd: PortMap,
  PublishRemove: PortMap,
}));
export type ContainerUpdateRequest = Infer<typeof ContainerUpdateRequest>;

export const ContainerUpdateResponse = struct("container.UpdateResponse", () => ({
  Warnings: list(string),
  /** Longshore's own: the bindings, where the request changes them. */
  PortBindings: optional(nullable(PortMap)),
}));
export type ContainerUpdateResponse = Infer<typeof ContainerUpdateResponse>;

export const containerStatuses = [
  "created",
  "running",
  "paused",
  "restarting",
  "removing",
  "exited",
  "dead",
] as const;

export const HealthcheckResult = struct("container.HealthcheckResult", () => ({
  Start: string,
  End: string,
  ExitCode: int,
  Output: string,
}));
export type HealthcheckResult = Infer<typeof HealthcheckResult>;

export const Health = struct("container.Health", () => ({
  Status: stringOf("none", "starting", "healthy", "unhealthy"),
  FailingStreak: int,
  Log: list(HealthcheckResult),
}));
export type Health = Infer<typeof Health>;

/** Times are RFC 3339 with nanoseconds; `0001-01-01T00:00:00Z` means never. */
export const ContainerState = struct("container.State", () => ({
  Status: stringOf(...containerStatuses),
  Running: bool,
  Paused: bool,
  Restarting: bool,
  OOMKilled: bool,
  Dead: bool,
  Pid: int,
  ExitCode: int,
  Error: string,
  StartedAt: string,
  FinishedAt: string,
  Health: optional(Health),
}));
export type ContainerState = Infer<typeof ContainerState>;

export const MountPoint = struct("container.MountPoint", () => ({
  Type: optional(stringOf("bind", "cluster", "image", "npipe", "tmpfs", "volume")),
  Name: optional(string),
  Source: string,
  Destination: string,
  Driver: optional(string),
  Mode: string,
  RW: bool,
  Propagation: string,
}));
export type MountPoint = Infer<typeof MountPoint>;

/**
 * Docker shows the default bridge's endpoint beside the list of networks until API 1.51 only. Scripts read it all the
 * same, so that it stays.
 */
export const NetworkSettings = struct("container.NetworkSettings", () => ({
  Bridge: string,
  SandboxID: string,
  SandboxKey: string,
  Ports: PortMap,
  HairpinMode: bool,
  LinkLocalIPv6Address: string,
  LinkLocalIPv6PrefixLen: int,
  SecondaryIPAddresses: nullable(list(any)),
  SecondaryIPv6Addresses: nullable(list(any)),
  EndpointID: string,
  Gateway: string,
  GlobalIPv6Address: string,
  GlobalIPv6PrefixLen: int,
  IPAddress: string,
  IPPrefixLen: int,
  IPv6Gateway: string,
  MacAddress: string,
  Networks: map(EndpointSettings),
}));
export type NetworkSettings = Infer<typeof NetworkSettings>;

export const DriverData = struct("storage.DriverData", () => ({ Data: nullable(map(string)), Name: string }));
export type DriverData = Infer<typeof DriverData>;

/** `GET /containers/{id}/json`. */
export const ContainerInspectResponse = struct("container.InspectResponse", () => ({
  Id: string,
  Created: string,
  Path: string,
  Args: list(string),
  State: ContainerState,
  Image: string,
  ResolvConfPath: string,
  HostnamePath: string,
  HostsPath: string,
  LogPath: string,
  Name: string,
  RestartCount: int,
  Driver: string,
  Platform: string,
  MountLabel: string,
  ProcessLabel: string,
  AppArmorProfile: string,
  ExecIDs: nullable(list(string)),
  HostConfig: HostConfig,
  GraphDriver: optional(DriverData),
  Storage: optional(any),
  SizeRw: optional(nullable(int64)),
  SizeRootFs: optional(nullable(int64)),
  Mounts: list(MountPoint),
  Config: ContainerConfig,
  NetworkSettings: NetworkSettings,
  ImageManifestDescriptor: optional(OCIDescriptor),
}));
export type ContainerInspectResponse = Infer<typeof ContainerInspectResponse>;

export const PortSummary = struct("container.PortSummary", () => ({
  IP: optional(string),
  PrivatePort: uint16,
  PublicPort: optional(uint16),
  Type: stringOf("tcp", "udp", "sctp"),
}));
export type PortSummary = Infer<typeof PortSummary>;

/** One line of `GET /containers/json`. `Created` in seconds since 1970. */
export const ContainerSummary = struct("container.Summary", () => ({
  Id: string,
  Names: list(string),
  Image: string,
  ImageID: string,
  ImageManifestDescriptor: optional(OCIDescriptor),
  Command: string,
  Created: int64,
  Ports: list(PortSummary),
  SizeRw: optional(int64),
  SizeRootFs: optional(int64),
  Labels: map(string),
  State: stringOf(...containerStatuses),
  Status: string,
  HostConfig: struct("container.SummaryHostConfig", () => ({
    NetworkMode: optional(string),
    Annotations: optional(map(string)),
  })),
  Health: since(
    "1.52",
    struct("container.HealthSummary", () => ({
      Status: stringOf("none", "starting", "healthy", "unhealthy"),
      FailingStreak: int,
    })),
  ),
  NetworkSettings: struct("container.NetworkSettingsSummary", () => ({ Networks: map(EndpointSettings) })),
  Mounts: list(MountPoint),
}));
export type ContainerSummary = Infer<typeof ContainerSummary>;

export const ContainerWaitResponse = struct("container.WaitResponse", () => ({
  Error: optional(struct("container.WaitExitError", () => ({ Message: optional(string) }))),
  StatusCode: int64,
}));
export type ContainerWaitResponse = Infer<typeof ContainerWaitResponse>;

export const ContainerTopResponse = struct("container.TopResponse", () => ({
  Processes: list(list(string)),
  Titles: list(string),
}));
export type ContainerTopResponse = Infer<typeof ContainerTopResponse>;

/** `Kind`: 0 modified, 1 added, 2 deleted. */
export const FilesystemChange = struct("container.FilesystemChange", () => ({ Kind: int, Path: string }));
export type FilesystemChange = Infer<typeof FilesystemChange>;

export const ContainersPruneResponse = struct("container.PruneReport", () => ({
  ContainersDeleted: nullable(list(string)),
  SpaceReclaimed: int64,
}));
export type ContainersPruneResponse = Infer<typeof ContainersPruneResponse>;
