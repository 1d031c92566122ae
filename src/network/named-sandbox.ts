import { formatIp } from "../base/ip.ts";
import type { EndpointRow, SandboxRow } from "../store/networks.ts";
import { addressesOf, detailsOf } from "./endpoints.ts";
import type { NamedEndpoint, NamedSandbox } from "./name-server.ts";
import type { NetworkSet } from "./network-set.ts";
import { predefinedNames } from "./stored-spec.ts";

/** True when a container of these networks resolves names by the daemon's resolver: of those that somebody created. */
export function hasNames(endpoints: readonly EndpointRow[], networks: NetworkSet): boolean {
  return endpoints.some(({ networkId }) => isNamed(networkId, networks));
}

function isNamed(networkId: string, networks: NetworkSet): boolean {
  const row = networks.get(networkId);
  return row !== undefined && !predefinedNames.includes(row.name);
}

/** What the resolver is told of a container, from its rows; undefined when none of its networks has names. */
export function namedSandbox(
  attached: { sandbox: SandboxRow; endpoints: readonly EndpointRow[] },
  servers: readonly string[],
  networks: NetworkSet,
): NamedSandbox | undefined {
  const { sandbox, endpoints } = attached;
  if (!hasNames(endpoints, networks)) return undefined;
  const live = endpoints.flatMap(({ networkId }) => networks.liveOf(networkId) ?? []);
  const host = live.find(({ hostAddresses }) => hostAddresses.length > 0)?.hostAddresses ?? [];
  return {
    containerId: sandbox.containerId,
    netns: sandbox.netns,
    networks: endpoints
      .filter(({ networkId }) => isNamed(networkId, networks))
      .map((row) => namedEndpoint(row, networks)),
    servers: [...servers],
    internal: live.every(({ spec }) => spec.internal),
    host: host.map(formatIp),
  };
}

function namedEndpoint(row: EndpointRow, networks: NetworkSet): NamedEndpoint {
  const { asked, dnsNames = [] } = detailsOf(row);
  const network = networks.get(row.networkId);
  return {
    id: row.networkId,
    name: network?.name ?? "",
    subnets: network ? networks.specOf(network).subnets.map(({ subnet }) => subnet) : [],
    addresses: addressesOf(row).map(formatIp),
    names: [...dnsNames],
    links: Object.fromEntries((asked?.Links ?? []).map(linkPair)),
  };
}

/** `name:alias`, or a name alone; from the alias to the name. */
function linkPair(link: string): [string, string] {
  const [name = "", alias = name] = link.split(":");
  return [alias, name];
}
