import {
  any,
  bool,
  type Infer,
  input,
  int,
  list,
  map,
  optional,
  string,
  struct,
  uint32,
  uint64,
} from "./schema.ts";

/** The version of an object of the cluster: an update names the one that it changes. */
export const ObjectVersion = struct("swarm.Version", () => ({ Index: optional(uint64) }));
export type ObjectVersion = Infer<typeof ObjectVersion>;

const meta = {
  ID: string,
  Version: ObjectVersion,
  CreatedAt: string,
  UpdatedAt: string,
} as const;

/** An object of the cluster whose specification passes through as it is. */
const clusterObject = (name: string) => struct(name, () => ({ ...meta, Spec: any }));

export const Secret = clusterObject("swarm.Secret");
export type Secret = Infer<typeof Secret>;
export const Config = clusterObject("swarm.Config");
export type Config = Infer<typeof Config>;

const driver = () =>
  input("swarm.Driver", () => ({ Name: optional(string), Options: optional(map(string)) }));

/** `Data` is base64. */
export const SecretSpec = input("swarm.SecretSpec", () => ({
  Name: string,
  Labels: map(string),
  Data: optional(string),
  Driver: optional(driver()),
  Templating: optional(driver()),
}));
export type SecretSpec = Infer<typeof SecretSpec>;

export const ConfigSpec = input("swarm.ConfigSpec", () => ({
  Name: string,
  Labels: map(string),
  Data: optional(string),
  Templating: optional(driver()),
}));
export type ConfigSpec = Infer<typeof ConfigSpec>;

export const Node = struct("swarm.Node", () => ({
  ...meta,
  Spec: any,
  Description: any,
  Status: any,
  ManagerStatus: optional(any),
}));
export type Node = Infer<typeof Node>;

export const Service = struct("swarm.Service", () => ({
  ...meta,
  Spec: any,
  PreviousSpec: optional(any),
  Endpoint: any,
  UpdateStatus: optional(any),
  ServiceStatus: optional(any),
  JobStatus: optional(any),
}));
export type Service = Infer<typeof Service>;

export const Task = struct("swarm.Task", () => ({
  ...meta,
  Name: optional(string),
  Labels: map(string),
  Spec: any,
  ServiceID: string,
  Slot: optional(int),
  NodeID: optional(string),
  AssignedGenericResources: optional(any),
  Status: any,
  DesiredState: string,
  NetworksAttachments: optional(any),
  JobIteration: optional(ObjectVersion),
  Volumes: optional(any),
}));
export type Task = Infer<typeof Task>;

export const ServiceCreateResponse = struct("swarm.ServiceCreateResponse", () => ({
  ID: string,
  Warnings: optional(list(string)),
}));
export type ServiceCreateResponse = Infer<typeof ServiceCreateResponse>;

export const ServiceUpdateResponse = struct("swarm.ServiceUpdateResponse", () => ({
  Warnings: list(string),
}));
export type ServiceUpdateResponse = Infer<typeof ServiceUpdateResponse>;

export const SwarmInitRequest = input("swarm.InitRequest", () => ({
  ListenAddr: string,
  AdvertiseAddr: string,
  DataPathAddr: string,
  DataPathPort: uint32,
  ForceNewCluster: bool,
  Spec: any,
  AutoLockManagers: bool,
  Availability: string,
  DefaultAddrPool: list(string),
  SubnetSize: uint32,
}));
export type SwarmInitRequest = Infer<typeof SwarmInitRequest>;

export const SwarmJoinRequest = input("swarm.JoinRequest", () => ({
  ListenAddr: string,
  AdvertiseAddr: string,
  DataPathAddr: string,
  RemoteAddrs: list(string),
  JoinToken: string,
  Availability: string,
}));
export type SwarmJoinRequest = Infer<typeof SwarmJoinRequest>;

export const Swarm = struct("swarm.Swarm", () => ({
  ...meta,
  Spec: any,
  TLSInfo: any,
  RootRotationInProgress: bool,
  DefaultAddrPool: list(string),
  SubnetSize: uint32,
  DataPathPort: uint32,
  JoinTokens: struct("swarm.JoinTokens", () => ({ Worker: string, Manager: string })),
}));
export type Swarm = Infer<typeof Swarm>;

export const UnlockKey = input("swarm.UnlockKeyResponse", () => ({ UnlockKey: string }));
export type UnlockKey = Infer<typeof UnlockKey>;
