import type { EndpointSettings, PortMap } from "../api/endpoints.ts";
import type { NetworkInspect } from "../api/networks.ts";
import { formatIp, parsePrefix } from "../base/ip.ts";
import type { EndpointRow, NetworkRow, SandboxRow } from "../store/networks.ts";
import { detailsOf } from "./endpoints.ts";
import type { PublishedPort } from "./firewall.ts";
import { type PortTarget, targetIp } from "./port-allocator.ts";
import { parsePortKey } from "./port-requests.ts";
import type { NetworkSpec } from "./spec.ts";
import type { Connection } from "./types.ts";

/** A container's rows. */
export interface Attachment {
  sandbox: SandboxRow;
  endpoints: readonly EndpointRow[];
}

/** Rows do not change, and lists ask for each of them again and again. */
const settingsOfRows = new WeakMap<EndpointRow, EndpointSettings>();

function endpointSettings(row: EndpointRow): EndpointSettings {
  const known = settingsOfRows.get(row) ?? settingsOf(row);
  settingsOfRows.set(row, known);
  return known;
}

function settingsOf(row: EndpointRow): EndpointSettings {
  const v4 = row.address === "" ? undefined : parsePrefix(row.address);
  const v6 = row.address6 === "" ? undefined : parsePrefix(row.address6);
  const { asked = {}, dnsNames } = detailsOf(row);
  return {
    IPAMConfig: asked.IPAMConfig ?? null,
    Links: asked.Links ?? null,
    Aliases: asked.Aliases ?? null,
    DriverOpts: asked.DriverOpts ?? null,
    GwPriority: asked.GwPriority ?? 0,
    NetworkID: row.networkId,
    EndpointID: row.id,
    Gateway: row.gateway,
    IPAddress: v4 ? formatIp(v4) : "",
    MacAddress: row.mac,
    IPPrefixLen: v4?.length ?? 0,
    IPv6Gateway: row.gateway6,
    GlobalIPv6Address: v6 ? formatIp(v6) : "",
    GlobalIPv6PrefixLen: v6?.length ?? 0,
    DNSNames: dnsNames && dnsNames.length > 0 ? [...dnsNames] : null,
  };
}

/** NetworkSettings of a container, from its rows. `nameOf` tells a network's name by its id. */
export function connectionOf({ sandbox, endpoints }: Attachment, nameOf: (id: string) => string): Connection {
  return {
    netnsPath: sandbox.netns === "" ? null : sandbox.netns,
    SandboxID: sandbox.id,
    SandboxKey: sandbox.netns === "" ? "/var/run/docker/netns/default" : sandbox.netns,
    Ports: sandbox.ports === "{}" ? {} : (JSON.parse(sandbox.ports) as PortMap),
    Networks: Object.fromEntries(endpoints.map((row) => [nameOf(row.networkId), endpointSettings(row)])),
  };
}

/** The ports that a container's rows say are published, by the endpoint `way`. */
export function publishedPorts({ ports }: SandboxRow, endpoint: EndpointRow): PublishedPort[] {
  const target = portTarget(endpoint);
  const { networkId } = endpoint;
  return Object.entries(JSON.parse(ports) as PortMap).flatMap(([key, bindings]) =>
    (bindings ?? []).map(({ HostIp: hostIp = "", HostPort }) => {
      const containerIp = targetIp(hostIp, target);
      return { ...parsePortKey(key), hostIp, hostPort: Number(HostPort), containerIp, networkId };
    }),
  );
}

/** Where the published ports of a container lead to that has this endpoint. */
export function portTarget({ address, address6, networkId }: EndpointRow): PortTarget {
  const ip = (text: string) => formatIp(parsePrefix(text));
  return { containerIp: ip(address), networkId, ...(address6 !== "" && { containerIp6: ip(address6) }) };
}

/** `GET /networks/{id}`. `usage` tells of each subnet how many of its addresses are taken. */
export function inspectNetwork(
  row: NetworkRow,
  spec: NetworkSpec,
  attachments: Iterable<Attachment>,
  usage: Record<string, { IPsInUse: number; DynamicIPsAvailable: number }>,
): NetworkInspect {
  return {
    Name: row.name,
    Id: row.id,
    Created: row.created,
    Scope: "local",
    Driver: row.driver,
    EnableIPv4: spec.ipv4,
    EnableIPv6: spec.ipv6,
    IPAM: {
      Driver: spec.ipamDriver,
      Options: spec.ipamOptions,
      Config: spec.subnets.map(({ subnet, range, gateway, auxiliary }) => ({
        Subnet: subnet,
        ...(range !== undefined && { IPRange: range }),
        ...(gateway !== undefined && { Gateway: gateway }),
        ...(auxiliary && { AuxiliaryAddresses: auxiliary }),
      })),
    },
    Internal: spec.internal,
    Attachable: spec.attachable,
    Ingress: false,
    ConfigFrom: { Network: spec.configFrom },
    ConfigOnly: spec.configOnly,
    Containers: containersOf(row.id, attachments),
    Options: spec.options,
    Labels: spec.labels,
    Status: { IPAM: { Subnets: usage } },
  };
}

function containersOf(networkId: string, attachments: Iterable<Attachment>): NetworkInspect["Containers"] {
  const containers: NetworkInspect["Containers"] = {};
  for (const { sandbox, endpoints } of attachments) {
    const endpoint = endpoints.find((row) => row.networkId === networkId);
    if (!endpoint) continue;
    containers[sandbox.containerId] = {
      Name: sandbox.containerName,
      EndpointID: endpoint.id,
      MacAddress: endpoint.mac,
      IPv4Address: endpoint.address,
      IPv6Address: endpoint.address6,
    };
  }
  return containers;
}
