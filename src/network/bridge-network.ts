import { isEngineError } from "../base/errors.ts";
import { type Family, type Ip, type Prefix, parseIp, parsePrefix } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { hasIPv6 } from "../linux/inet-socket.ts";
import { deleteLink, filterBridged, findLink, type Link } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import { Nftables } from "../linux/nftables.ts";
import { readSysctl, writeSysctl } from "../linux/sysctl.ts";
import type { NetworkRow } from "../store/networks.ts";
import type { Resource } from "../store/resources.ts";
import type { BridgeIdentity } from "./bridge.ts";
import { type BridgeOptions, parseBridgeOptions } from "./bridge-options.ts";
import { Firewall, type PublishedPort, removeTable } from "./firewall.ts";
import { forwardIPv6 } from "./forwarding.ts";
import { closeForwarding, openForwarding } from "./host-firewall.ts";
import { closeLegacyForwarding, openLegacyForwarding } from "./legacy-forwarding.ts";
import type { DefaultRoute, LiveNetwork, NotedWire, Wire } from "./live-network.ts";
import { NetworkAddresses } from "./network-addresses.ts";
import { bringUp, plugVeth } from "./plug.ts";
import type { NetworkSpec } from "./spec.ts";
import { type GuardedEnd, linkLocalOf, SpoofGuard } from "./spoof-guard.ts";
import { defaultMtu, type NetworkConfig } from "./types.ts";
import { ensureUserChain, removeUserChain } from "./user-chain.ts";

/** Our own table's name: one for each bridge, so that daemons side by side never share one. */
const tableOf = (bridge: string) =>
  bridge.startsWith(tablePrefix) ? bridge : `${tablePrefix}${bridge.replace(/[^A-Za-z0-9]/g, "_")}`;
const tablePrefix = "longshore_";

/** The rows of what stands for a bridge in the kernel; `owner` is the network's id, empty for the default one. */
export function bridgeResources({ bridge, ours }: BridgeIdentity, owner = ""): Resource[] {
  const rows: Resource[] = [{ kind: "nftTable", key: tableOf(bridge), owner }];
  if (ours) rows.push({ kind: "bridge", key: bridge, owner });
  return rows;
}

/** The addresses that the host has on a bridge: its gateways, but for those that the options take from it. */
export function hostAddressesOf(spec: NetworkSpec, options: BridgeOptions): Prefix[] {
  return spec.subnets.flatMap(({ subnet, gateway }) => {
    const prefix = parsePrefix(subnet);
    const ip = gateway === undefined ? undefined : parseIp(gateway);
    if (!ip || options.modes[prefix.family] === "isolated") return [];
    if (prefix.family === 4 && options.inhibitIPv4) return [];
    return [{ ...ip, length: prefix.length }];
  });
}

export interface BridgeNetworkOptions {
  /** The host's firewall; undefined where there are to be no rules. */
  nft: Nftables | undefined;
  host: NetlinkSocket;
  config: NetworkConfig;
  row: NetworkRow;
  spec: NetworkSpec;
  identity: BridgeIdentity;
  link: Link;
  /** The containers' gateways where they are not the bridge. */
  gateways?: Partial<Record<Family, Ip>>;
  /** The host's firewall has been told of the bridge, and lets it through by itself. */
  isTold: (bridge: string) => boolean;
  log: Logger;
}

/** A bridge in use, the default one or another: its addresses, rules and kernel settings. */
export class BridgeNetwork implements LiveNetwork {
  readonly row: NetworkRow;
  readonly spec: NetworkSpec;
  readonly identity: BridgeIdentity;
  readonly addresses: NetworkAddresses;
  readonly hasHostEnd = true;
  readonly interfacePrefix: string;
  readonly hostAddresses: readonly Ip[];
  readonly hostIps: readonly string[];
  readonly routed: readonly Family[];
  readonly firewall: Firewall | undefined;
  readonly #guard: SpoofGuard | undefined;
  readonly #options: BridgeOptions;
  readonly #gateways: Partial<Record<Family, Ip>>;
  /** The bridge's interface index. */
  readonly #index: number;
  readonly #mtu: number;
  readonly #config: NetworkConfig;
  readonly #host: NetlinkSocket;
  readonly #nft: Nftables | undefined;
  readonly #log: Logger;
  readonly #isTold: (bridge: string) => boolean;

  constructor(all: BridgeNetworkOptions) {
    const { nft, host, config, row, spec, identity, link, gateways = {}, log } = all;
    this.#log = log;
    this.#isTold = all.isTold;
    const options = parseBridgeOptions(spec);
    this.row = row;
    this.spec = spec;
    this.identity = identity;
    this.addresses = new NetworkAddresses(
      spec.subnets,
      row.name === "bridge" ? "bridge" : `${row.name} (${row.id})`,
    );
    this.interfacePrefix = options.interfacePrefix;
    this.hostAddresses = hostAddressesOf(spec, options);
    this.hostIps = spec.internal ? [] : publishedOn(options, spec, config);
    this.routed = ([4, 6] as const).filter((family) => options.modes[family] === "routed");
    this.#options = options;
    this.#gateways = gateways;
    this.#index = link.index;
    this.#mtu = options.mtu ?? config.mtu ?? defaultMtu;
    this.#config = config;
    this.#host = host;
    for (const gateway of Object.values(gateways)) this.addresses.reserve(gateway);
    if (!nft) return;
    this.#nft = nft;
    this.#guard = new SpoofGuard(nft, {
      table: tableOf(identity.bridge),
      gateways: [...this.hostAddresses, ...Object.values(gateways), linkLocalOf(identity.mac)],
      log,
    });
    const subnets = spec.subnets.map(({ subnet }) => parsePrefix(subnet));
    this.firewall = new Firewall(this.#nft, {
      table: tableOf(identity.bridge),
      bridge: identity.bridge,
      subnets: {
        4: subnets.filter(({ family }) => family === 4),
        6: config.ip6tables === false ? [] : subnets.filter(({ family }) => family === 6),
      },
      icc: options.icc,
      masquerade: options.masquerade,
      internal: spec.internal,
      modes: options.modes,
      trusted: options.trustedInterfaces,
    });
  }

  plug(wire: Wire, inside: NetlinkSocket): void {
    this.#guard?.admit(this.#guarded(wire));
    plugVeth(this.#host, wire, { index: this.#index, mtu: this.#mtu });
    bringUp(inside, wire);
  }

  note(wire: NotedWire): void {
    if (wire.link !== "") this.#guard?.note(this.#guarded(wire));
  }

  forget(link: string): void {
    this.#guard?.forget(link);
  }

  #guarded({ link, mac, addresses }: NotedWire): GuardedEnd {
    return { link, addresses: this.spec.ipv6 ? [...addresses, linkLocalOf(mac)] : addresses };
  }

  defaultRoute(ip: Ip, family: Family): DefaultRoute {
    if (this.spec.internal) return undefined;
    return this.#gateways[family] ?? this.addresses.gatewayOf(ip);
  }

  apply(ports: readonly PublishedPort[]): void {
    const { bridge } = this.identity;
    if (this.#config.ipForward !== false) {
      if (this.spec.ipv4) writeSysctl("net/ipv4/ip_forward", "1");
      if (this.spec.ipv6 && !this.spec.internal) forwardIPv6(this.#host);
    }
    // Advertisements of a container must not change the host's routes.
    const acceptRa = `net/ipv6/conf/${bridge}/accept_ra`;
    if (readSysctl(acceptRa) !== undefined) writeSysctl(acceptRa, "0");
    if (!this.firewall || !this.#nft) return;
    // Lets the host reach published ports by 127.0.0.1; what comes from the bridge to that address is dropped.
    writeSysctl(`net/ipv4/conf/${bridge}/route_localnet`, "1");
    // Packets between containers stay within the bridge, and the rules see them only with this.
    if (!this.#options.icc) this.#host.request(filterBridged(bridge));
    this.firewall.apply(ports);
    this.#guard?.apply();
    this.reopen();
    if (!this.spec.internal) openLegacyForwarding(bridge, this.#log);
  }

  reopen(): void {
    if (!this.#nft) return;
    ensureUserChain(this.#nft);
    if (this.spec.internal) return;
    const { bridge } = this.identity;
    const failure = openForwarding(this.#nft, bridge, this.#isTold(bridge));
    if (failure === undefined) return;
    this.#log.warn("the host's firewall may keep containers from the world", { firewall: failure });
  }

  /** Takes the rules back, and the bridge when it is ours. */
  remove(): void {
    const { bridge, ours } = this.identity;
    if (this.#nft) closeForwarding(this.#nft, bridge);
    if (this.#nft) closeLegacyForwarding(bridge);
    this.firewall?.remove();
    if (this.#nft) removeUserChain(this.#nft);
    if (ours) deleteLink(this.#host, bridge);
  }

  [Symbol.dispose](): void {
    this.#guard?.[Symbol.dispose]();
  }
}

function publishedOn(
  { hostBinding, modes }: BridgeOptions,
  { ipv6 }: NetworkSpec,
  config: NetworkConfig,
): string[] {
  if (hostBinding !== undefined && hostBinding !== "0.0.0.0") return [hostBinding];
  if (config.ip) return [config.ip];
  // Nothing of the host leads to a container whose only address is routed.
  return hasIPv6() && (modes[4] !== "routed" || ipv6) ? ["0.0.0.0", "::"] : ["0.0.0.0"];
}

/** Removes a bridge that an earlier daemon made, or this one no longer needs, unless somebody else has the name by now. */
export function removeFormerBridge(host: NetlinkSocket, { bridge, mac, ours }: BridgeIdentity): void {
  const link = findLink(host, bridge);
  if (ours && link && link.mac !== mac) return;
  removeBridgeRules(bridge);
  if (ours) deleteLink(host, bridge);
}

/** Takes the rules of a bridge (or the table of that name) back, where this host has nftables at all. */
export function removeBridgeRules(bridge: string): void {
  try {
    using nft = new Nftables();
    closeForwarding(nft, bridge);
    closeLegacyForwarding(bridge);
    removeTable(nft, tableOf(bridge));
    removeUserChain(nft);
  } catch (error) {
    // Without the library there never were any.
    if (!isEngineError(error, "unavailable")) throw error;
  }
}
