import type { EndpointSettings, PortMap } from "../api/endpoints.ts";
import type { NetworkInspect } from "../api/networks.ts";
import { broadcastOf, formatCidr, formatIPv4, networkOf, parseCidr, sizeOf } from "../base/ipv4.ts";
import type { EndpointRow, NetworkRow, SandboxRow } from "../store/networks.ts";
import { type BridgeSettings, defaultMtu } from "./bridge.ts";
import type { PublishedPort } from "./firewall.ts";
import { parsePortKey } from "./port-requests.ts";
import type { Connection, NetworkConfig } from "./types.ts";

/** A container's rows. */
export interface Attachment {
  sandbox: SandboxRow;
  endpoints: readonly EndpointRow[];
}

function endpointSettings(row: EndpointRow): EndpointSettings {
  const cidr = row.address === "" ? undefined : parseCidr(row.address);
  return {
    IPAMConfig: null,
    Links: null,
    Aliases: null,
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: row.networkId,
    EndpointID: row.id,
    Gateway: row.gateway,
    IPAddress: cidr ? formatIPv4(cidr.address) : "",
    MacAddress: row.mac,
    IPPrefixLen: cidr?.prefix ?? 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  };
}

/** NetworkSettings of a container, from its rows. `nameOf` tells a network's name by its id. */
export function connectionOf({ sandbox, endpoints }: Attachment, nameOf: (id: string) => string): Connection {
  return {
    netnsPath: sandbox.netns === "" ? null : sandbox.netns,
    SandboxID: sandbox.id,
    SandboxKey: sandbox.netns === "" ? "/var/run/docker/netns/default" : sandbox.netns,
    Ports: JSON.parse(sandbox.ports) as PortMap,
    Networks: Object.fromEntries(endpoints.map((row) => [nameOf(row.networkId), endpointSettings(row)])),
  };
}

/** The ports that a container's rows say are published. */
export function publishedPorts({ sandbox, endpoints }: Attachment): PublishedPort[] {
  const address = endpoints.find((row) => row.address !== "")?.address;
  if (address === undefined) return [];
  const containerIp = formatIPv4(parseCidr(address).address);
  return Object.entries(JSON.parse(sandbox.ports) as PortMap).flatMap(([key, bindings]) =>
    (bindings ?? []).map(({ HostIp: hostIp = "", HostPort }) => {
      return { ...parsePortKey(key), hostIp, hostPort: Number(HostPort), containerIp };
    }),
  );
}

function bridgeOptions(settings: BridgeSettings, config: NetworkConfig): Record<string, string> {
  return {
    "com.docker.network.bridge.default_bridge": "true",
    "com.docker.network.bridge.enable_icc": String(config.icc ?? true),
    "com.docker.network.bridge.enable_ip_masquerade": String(config.ipMasq ?? true),
    "com.docker.network.bridge.host_binding_ipv4": config.ip ?? "0.0.0.0",
    "com.docker.network.bridge.name": settings.bridge,
    "com.docker.network.driver.mtu": String(config.mtu ?? defaultMtu),
  };
}

/** `GET /networks/{id}` of one of the predefined networks. `inUse` is the number of addresses that are taken. */
export function inspectNetwork(
  row: NetworkRow,
  attachments: Iterable<Attachment>,
  config: NetworkConfig,
  inUse: number,
): NetworkInspect {
  const settings = row.driver === "bridge" ? (JSON.parse(row.settings) as BridgeSettings) : undefined;
  const gateway = settings && parseCidr(settings.gateway);
  const subnet = gateway && networkOf(gateway);
  const range = config.fixedCidr ? { IPRange: config.fixedCidr } : {};
  const containers: NetworkInspect["Containers"] = {};
  for (const { sandbox, endpoints } of attachments) {
    const endpoint = endpoints.find(({ networkId }) => networkId === row.id);
    if (!endpoint) continue;
    containers[sandbox.containerId] = {
      Name: sandbox.containerName,
      EndpointID: endpoint.id,
      MacAddress: endpoint.mac,
      IPv4Address: endpoint.address,
      IPv6Address: "",
    };
  }
  const free = subnet ? broadcastOf(subnet) - subnet.address + 1 - inUse : 0;
  return {
    Name: row.name,
    Id: row.id,
    Created: row.created,
    Scope: "local",
    Driver: row.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {
      Driver: "default",
      Options: null,
      Config:
        subnet && gateway
          ? [{ Subnet: formatCidr(subnet), ...range, Gateway: formatIPv4(gateway.address) }]
          : [],
    },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: containers,
    Options: settings ? bridgeOptions(settings, config) : {},
    Labels: {},
    Status: {
      IPAM: {
        Subnets: subnet
          ? {
              [formatCidr(subnet)]: {
                IPsInUse: inUse,
                DynamicIPsAvailable: Math.min(free, sizeOf(subnet.prefix)),
              },
            }
          : {},
      },
    },
  };
}
