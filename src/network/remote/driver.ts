import { internal } from "../../base/errors.ts";
import { formatPrefix, type Ip, type Prefix, parseIp, parsePrefix, tryParsePrefix } from "../../base/ip.ts";
import type { NetworkSpec } from "../spec.ts";
import type { RemoteRecords } from "./records.ts";

/** A route of a container besides its default one. */
export interface StaticRoute {
  destination: Prefix;
  /** Undefined: what is there is reached directly. */
  nextHop: Ip | undefined;
}

/** What a driver has made for an endpoint. */
export interface JoinedEndpoint {
  mac: string;
  addresses: readonly Prefix[];
  /** An interface of the host that is to become the container's; empty where the container gets none. */
  source: string;
  /** What its name in the container begins with. */
  prefix: string;
  gateways: readonly Ip[];
  routes: readonly StaticRoute[];
}

/** `NetworkDriver.CreateNetwork` of Docker's plugin protocol. */
export async function createRemoteNetwork(
  records: RemoteRecords,
  id: string,
  spec: NetworkSpec,
): Promise<void> {
  const data = (v6: boolean) =>
    spec.subnets
      .filter(({ subnet }) => subnet.includes(":") === v6)
      .map(({ subnet, gateway, auxiliary }) => ({
        AddressSpace: "",
        Pool: subnet,
        Gateway: gateway === undefined ? "" : `${gateway}/${parsePrefix(subnet).length}`,
        AuxAddresses: auxiliary ?? {},
      }));
  const request = {
    NetworkID: id,
    Options: {
      "com.docker.network.enable_ipv4": spec.ipv4,
      "com.docker.network.enable_ipv6": spec.ipv6,
      ...(spec.internal && { "com.docker.network.internal": true }),
      "com.docker.network.generic": spec.options,
    },
    IPv4Data: data(false),
    IPv6Data: data(true),
  };
  const { driver: plugin } = spec;
  await records.make({ kind: "pluginNetwork", plugin, network: id }, id, () =>
    records.call(plugin, "NetworkDriver.CreateNetwork", request),
  );
}

export interface RemoteEndpoint {
  plugin: string;
  network: string;
  endpoint: string;
  /** The container. */
  owner: string;
  sandboxKey: string;
  addresses: readonly Prefix[];
  /** Empty: the driver chooses. */
  mac: string;
  options: Readonly<Record<string, string>>;
}

/**
 * `NetworkDriver.CreateEndpoint` and `NetworkDriver.Join`. On an error the caller drops what the container has of the
 * driver.
 */
export async function joinRemote(records: RemoteRecords, asked: RemoteEndpoint): Promise<JoinedEndpoint> {
  const { plugin, network, endpoint, owner } = asked;
  const names = { NetworkID: network, EndpointID: endpoint };
  const of = (family: 4 | 6) => asked.addresses.find((address) => address.family === family);
  const text = (address: Prefix | undefined) => (address ? formatPrefix(address) : "");
  const created = await records.make({ kind: "pluginEndpoint", plugin, network, endpoint }, owner, () =>
    records.call(plugin, "NetworkDriver.CreateEndpoint", {
      ...names,
      Interface: { Address: text(of(4)), AddressIPv6: text(of(6)), MacAddress: asked.mac },
      Options: { "com.docker.network.generic": asked.options },
    }),
  );
  const given = record(created.Interface);
  const joined = await records.call(plugin, "NetworkDriver.Join", {
    ...names,
    SandboxKey: asked.sandboxKey,
    Options: asked.options,
  });
  const own = [given.Address, given.AddressIPv6].flatMap((one) => tryParsePrefix(String(one ?? "")) ?? []);
  const name = record(joined.InterfaceName);
  const source = String(name.SrcName ?? "");
  return {
    mac: String(given.MacAddress ?? "") || asked.mac,
    addresses: [...asked.addresses, ...own.filter(({ family }) => !of(family))],
    source,
    prefix: String(name.DstPrefix ?? "") || "eth",
    gateways: [joined.Gateway, joined.GatewayIPv6].flatMap((one) => parseIp(String(one ?? "")) ?? []),
    routes: Array.isArray(joined.StaticRoutes) ? joined.StaticRoutes.map(routeOf) : [],
  };
}

const record = (value: unknown) =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

/** Of the type 0 by a next hop, of the type 1 directly. */
function routeOf(value: unknown): StaticRoute {
  const { Destination, NextHop } = record(value);
  const destination = tryParsePrefix(String(Destination));
  if (!destination) throw internal(`NetworkDriver.Join: the plugin's route leads nowhere: ${Destination}`);
  return { destination, nextHop: parseIp(String(NextHop ?? "")) };
}
