import { type Infer, input, int, list, map, nullable, optional, since, string } from "./schema.ts";

export const PortBinding = input("nat.PortBinding", () => ({ HostIp: string, HostPort: string }));
export type PortBinding = Infer<typeof PortBinding>;

/** From `80/tcp` to the host's addresses; `null` for a port that is exposed and not published. */
export const PortMap = map(nullable(list(PortBinding)));
export type PortMap = Infer<typeof PortMap>;

export const EndpointIPAMConfig = input("network.EndpointIPAMConfig", () => ({
  IPv4Address: optional(string),
  IPv6Address: optional(string),
  LinkLocalIPs: optional(list(string)),
}));
export type EndpointIPAMConfig = Infer<typeof EndpointIPAMConfig>;

/** One container's place in one network: what was asked for, and what it got. */
export const EndpointSettings = input("network.EndpointSettings", () => ({
  IPAMConfig: nullable(EndpointIPAMConfig),
  Links: nullable(list(string)),
  Aliases: nullable(list(string)),
  DriverOpts: nullable(map(string)),
  GwPriority: since("1.48", int),
  NetworkID: string,
  EndpointID: string,
  Gateway: string,
  IPAddress: string,
  MacAddress: string,
  IPPrefixLen: int,
  IPv6Gateway: string,
  GlobalIPv6Address: string,
  GlobalIPv6PrefixLen: int,
  DNSNames: since("1.44", nullable(list(string))),
}));
export type EndpointSettings = Infer<typeof EndpointSettings>;

export const NetworkingConfig = input("network.NetworkingConfig", () => ({
  EndpointsConfig: map(EndpointSettings),
}));
export type NetworkingConfig = Infer<typeof NetworkingConfig>;
