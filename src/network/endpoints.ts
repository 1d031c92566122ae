import type { EndpointSettings } from "../api/endpoints.ts";
import { forbidden, invalidArgument } from "../base/errors.ts";
import { cryptoRandom } from "../base/ids.ts";
import {
  contains,
  formatIp,
  formatPrefix,
  type Ip,
  ipBytes,
  type Prefix,
  parseIp,
  parsePrefix,
} from "../base/ip.ts";
import type { EndpointRow } from "../store/networks.ts";
import type { LiveNetwork, Wire } from "./live-network.ts";
import { parseSysctls } from "./plug.ts";
import type { PreparedEndpoint } from "./remote/preparation.ts";
import { familiesOf, type NetworkSpec } from "./spec.ts";
import { joined } from "./subnet-specs.ts";
import type { EndpointRequest } from "./types.ts";

/** What is kept of an endpoint besides its addresses. */
export interface EndpointDetails {
  ifname?: string;
  /** What was asked for. */
  asked?: EndpointSettings;
  dnsNames?: readonly string[];
  /** What the interface is called on the host, where a plugin has made it. */
  source?: string;
}

export const detailsOf = (row: EndpointRow) => JSON.parse(row.details) as EndpointDetails;

/** The interface's name inside the container. */
export const ifnameOf = (row: EndpointRow) => detailsOf(row).ifname ?? "eth0";

/** The addresses with their prefix lengths, IPv4 first. */
export function addressesOf(row: Pick<EndpointRow, "address" | "address6">): Prefix[] {
  return [row.address, row.address6].filter((text) => text !== "").map(parsePrefix);
}

const ifnameOption = "com.docker.network.endpoint.ifname";
const sysctlsOption = "com.docker.network.endpoint.sysctls";
const macPattern = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/i;

/** `02:42:…` in its standard form, or undefined when it is none. */
export function parseMac(text: string): string | undefined {
  return macPattern.test(text) ? text.toLowerCase().replaceAll("-", ":") : undefined;
}

/** A locally administered MAC address that follows from the IP address, so that neighbours never hold a stale one. */
export function macOf(addresses: readonly Ip[]): string {
  const v4 = addresses.find(({ family }) => family === 4);
  const bytes = v4 ? ipBytes(v4) : cryptoRandom(4);
  return `02:42:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
}

/**
 * Checks what a container asks of a network, in Docker's words. `spec` undefined: the network is not known yet.
 * Throws `invalidArgument`.
 */
export function checkEndpoint(settings: EndpointSettings, name: string, spec: NetworkSpec | undefined): void {
  const errors: string[] = [];
  const { IPv4Address = "", IPv6Address = "", LinkLocalIPs = [] } = settings.IPAMConfig ?? {};
  const asked = [IPv4Address, IPv6Address].filter((text) => text !== "");
  const userDefined = !["bridge", "default", "host", "none"].includes(name) && !name.startsWith("container:");
  if (!userDefined && asked.length > 0) {
    errors.push("user specified IP address is supported on user defined networks only");
  }
  if (!userDefined && (settings.Aliases ?? []).length > 0) {
    errors.push("network-scoped alias is supported only for containers in user defined networks");
  }
  if (IPv4Address !== "" && parseIp(IPv4Address)?.family !== 4)
    errors.push(`invalid IPv4 address: ${IPv4Address}`);
  if (IPv6Address !== "" && parseIp(IPv6Address)?.family !== 6)
    errors.push(`invalid IPv6 address: ${IPv6Address}`);
  for (const text of LinkLocalIPs ?? []) {
    if (!parseIp(text)) errors.push(`invalid link-local IP address: ${text}`);
  }
  if (spec) errors.push(...asked.flatMap((text) => subnetError(text, spec)));
  if (settings.MacAddress && !parseMac(settings.MacAddress)) {
    errors.push(`invalid MAC address: ${settings.MacAddress}`);
  }
  if (errors.length > 0) throw invalidArgument(`invalid endpoint settings:\n${joined(errors)}`);
  parseSysctls(settings.DriverOpts?.[sysctlsOption]);
}

function subnetError(text: string, { subnets }: NetworkSpec): string[] {
  const ip = parseIp(text);
  const family = ip?.family ?? 4;
  const prefixes = subnets
    .filter(({ asked }) => asked)
    .map(({ subnet }) => parsePrefix(subnet))
    .filter((prefix) => prefix.family === family);
  if (ip && prefixes.some((prefix) => contains(prefix, ip))) return [];
  return prefixes.length > 0
    ? [`no configured subnet or ip-range contain the IP address ${text}`]
    : [
        "user specified IP address is supported only when connecting to networks with user configured subnets",
      ];
}

/**
 * Takes the addresses of an endpoint, which the caller gives back when it comes to nothing. `taken`: names of interfaces
 * that the container has.
 */
export function planWire(
  network: LiveNetwork,
  settings: EndpointSettings,
  taken: ReadonlySet<string>,
  prepared?: PreparedEndpoint,
): Omit<Wire, "link"> {
  const options = settings.DriverOpts ?? {};
  const sysctls = parseSysctls(options[sysctlsOption]);
  const ifname = options[ifnameOption] || freeName(prepared?.prefix ?? network.interfacePrefix, taken);
  if (!/^[^\s/:]{1,15}$/.test(ifname))
    throw invalidArgument(`invalid interface name ${JSON.stringify(ifname)}`);
  if (taken.has(ifname))
    throw forbidden(`interface name ${ifname} is used by another endpoint of the container`);
  const addresses = prepared?.addresses ?? takeAddresses(network, settings);
  const asked = settings.MacAddress ? parseMac(settings.MacAddress) : undefined;
  const linkLocal = (settings.IPAMConfig?.LinkLocalIPs ?? []).flatMap((text) => parseIp(text) ?? []);
  const more = linkLocal.map((ip) => ({ ...ip, length: ip.family === 4 ? 16 : 64 }));
  const { source, gateways, routes } = prepared ?? {};
  return {
    ifname,
    mac: asked ?? prepared?.mac ?? ownMac(network, addresses),
    addresses: [...addresses, ...more],
    sysctls,
    ...(source !== undefined && { source }),
    ...(gateways && { gateways }),
    ...(routes && { routes }),
  };
}

/** All interfaces of an ipvlan have their parent's address, and those of a plugin the one that they come with. */
const ownMac = ({ spec, remote }: LiveNetwork, addresses: readonly Ip[]) =>
  spec.driver === "ipvlan" || remote ? "" : macOf(addresses);

function freeName(prefix: string, taken: ReadonlySet<string>): string {
  let number = 0;
  while (taken.has(`${prefix}${number}`)) number++;
  return `${prefix}${number}`;
}

/** Free addresses of a network, or those that are asked for. Throws when there are none. */
export function takeAddresses({ addresses, spec }: LiveNetwork, { IPAMConfig }: EndpointSettings): Prefix[] {
  const found: Prefix[] = [];
  try {
    for (const family of familiesOf(spec)) {
      const text = (family === 4 ? IPAMConfig?.IPv4Address : IPAMConfig?.IPv6Address) || undefined;
      const ip = text === undefined ? undefined : parseIp(text);
      const address = ip ? addresses.claim(ip) : addresses.take(family);
      if (address) found.push(address);
    }
    return found;
  } catch (error) {
    for (const address of found) addresses.free(address);
    throw error;
  }
}

export interface EndpointIdentity {
  id: string;
  containerId: string;
}

/** The row of an endpoint. */
export function endpointRow(
  { id, containerId }: EndpointIdentity,
  network: LiveNetwork,
  wire: Wire,
  { settings, dnsNames }: Pick<EndpointRequest, "settings" | "dnsNames">,
): EndpointRow {
  const of = (family: 4 | 6) => wire.addresses.find((address) => address.family === family);
  const text = (address: Prefix | undefined) => (address ? formatPrefix(address) : "");
  const gateway = (address: Prefix | undefined) => {
    const route = address && network.defaultRoute(address, address.family);
    return route && route !== "link" ? formatIp(route) : "";
  };
  const details: EndpointDetails = {
    ifname: wire.ifname,
    asked: settings,
    dnsNames,
    ...(wire.source && { source: wire.source }),
  };
  return {
    id,
    networkId: network.row.id,
    containerId,
    link: wire.link,
    address: text(of(4)),
    gateway: gateway(of(4)),
    mac: wire.mac,
    address6: text(of(6)),
    gateway6: gateway(of(6)),
    details: JSON.stringify(details),
  };
}

/** The endpoint that leads out, of those that have a way out: by priority, then by the network's name. */
export function wayOut(
  endpoints: readonly EndpointRow[],
  hasRoute: (row: EndpointRow) => boolean,
  nameOf: (networkId: string) => string,
): EndpointRow | undefined {
  const priority = (row: EndpointRow) => detailsOf(row).asked?.GwPriority ?? 0;
  return endpoints
    .filter(hasRoute)
    .toSorted(
      (a, b) =>
        priority(b) - priority(a) ||
        Number(b.gateway6 !== "") - Number(a.gateway6 !== "") ||
        (nameOf(a.networkId) < nameOf(b.networkId) ? -1 : 1),
    )[0];
}
