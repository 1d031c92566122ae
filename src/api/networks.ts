import { EndpointSettings } from "./endpoints.ts";
import {
  any,
  bool,
  type Infer,
  input,
  list,
  map,
  nullable,
  optional,
  since,
  string,
  struct,
  uint64,
  zeroUntil,
} from "./schema.ts";

export const IPAMConfig = input("network.IPAMConfig", () => ({
  Subnet: optional(string),
  IPRange: optional(string),
  Gateway: optional(string),
  AuxiliaryAddresses: optional(map(string)),
}));
export type IPAMConfig = Infer<typeof IPAMConfig>;

export const IPAM = input("network.IPAM", () => ({
  Driver: string,
  Options: nullable(map(string)),
  Config: list(IPAMConfig),
}));
export type IPAM = Infer<typeof IPAM>;

export const ConfigReference = input("network.ConfigReference", () => ({ Network: string }));
export type ConfigReference = Infer<typeof ConfigReference>;

const networkFields = {
  Name: string,
  Id: string,
  Created: string,
  Scope: string,
  Driver: string,
  EnableIPv4: since("1.48", bool),
  EnableIPv6: bool,
  IPAM: IPAM,
  Internal: bool,
  Attachable: bool,
  Ingress: bool,
  ConfigFrom: ConfigReference,
  ConfigOnly: bool,
} as const;

/** A container's address in a network, keyed by container id; addresses with prefix length. */
export const EndpointResource = struct("network.EndpointResource", () => ({
  Name: string,
  EndpointID: string,
  MacAddress: string,
  IPv4Address: string,
  IPv6Address: string,
}));
export type EndpointResource = Infer<typeof EndpointResource>;

const networkTail = {
  Options: nullable(map(string)),
  Labels: nullable(map(string)),
  Peers: optional(list(struct("network.PeerInfo", () => ({ Name: string, IP: string })))),
} as const;

/** One entry of `GET /networks`. */
export const NetworkSummary = struct("network.Summary", () => ({
  ...networkFields,
  Containers: zeroUntil("1.51", map(EndpointResource)),
  ...networkTail,
}));
export type NetworkSummary = Infer<typeof NetworkSummary>;

/** `GET /networks/{id}`. */
export const NetworkInspect = struct("network.Inspect", () => ({
  ...networkFields,
  Containers: map(EndpointResource),
  ...networkTail,
  Services: optional(map(any)),
  Status: since(
    "1.52",
    struct("network.Status", () => ({
      IPAM: struct("network.IPAMStatus", () => ({
        Subnets: optional(
          map(struct("network.SubnetStatus", () => ({ IPsInUse: uint64, DynamicIPsAvailable: uint64 }))),
        ),
      })),
    })),
  ),
}));
export type NetworkInspect = Infer<typeof NetworkInspect>;

/** Body of `POST /networks/create`. */
export const NetworkCreateRequest = input("network.CreateRequest", () => ({
  Name: string,
  /** Before API 1.44: refuse a second network of the same name. */
  CheckDuplicate: optional(bool),
  Driver: string,
  Scope: string,
  EnableIPv4: optional(nullable(bool)),
  EnableIPv6: optional(nullable(bool)),
  IPAM: nullable(IPAM),
  Internal: bool,
  Attachable: bool,
  Ingress: bool,
  ConfigOnly: bool,
  ConfigFrom: nullable(ConfigReference),
  Options: map(string),
  Labels: map(string),
}));
export type NetworkCreateRequest = Infer<typeof NetworkCreateRequest>;

export const NetworkCreateResponse = struct("network.CreateResponse", () => ({
  Id: string,
  Warning: string,
}));
export type NetworkCreateResponse = Infer<typeof NetworkCreateResponse>;

export const NetworkConnectRequest = input("network.ConnectOptions", () => ({
  Container: string,
  EndpointConfig: optional(EndpointSettings),
}));
export type NetworkConnectRequest = Infer<typeof NetworkConnectRequest>;

export const NetworkDisconnectRequest = input("network.DisconnectOptions", () => ({
  Container: string,
  Force: bool,
}));
export type NetworkDisconnectRequest = Infer<typeof NetworkDisconnectRequest>;

export const NetworksPruneResponse = struct("network.PruneReport", () => ({
  NetworksDeleted: nullable(list(string)),
}));
export type NetworksPruneResponse = Infer<typeof NetworksPruneResponse>;
