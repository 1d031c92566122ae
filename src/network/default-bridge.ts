import { type Cidr, type IPv4, networkOf, parseCidr, parseIPv4 } from "../base/ipv4.ts";
import { hasIPv6 } from "../linux/inet-socket.ts";
import { deleteLink, filterBridged, findLink, type Link } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import { Nftables } from "../linux/nftables.ts";
import { writeSysctl } from "../linux/sysctl.ts";
import type { Resource } from "../store/resources.ts";
import { AddressPool } from "./address-pool.ts";
import { type BridgeSettings, defaultMtu } from "./bridge.ts";
import { Firewall, type PublishedPort, removeTable } from "./firewall.ts";
import { closeForwarding, openForwarding } from "./host-firewall.ts";
import type { NetworkConfig } from "./types.ts";

/** Our own table's name: one for each bridge, so that daemons side by side never share one. */
const tableOf = (bridge: string) => `longshore_${bridge.replace(/[^A-Za-z0-9]/g, "_")}`;

/** The rows of what stands for a bridge in the kernel. */
export function bridgeResources({ bridge, ours }: BridgeSettings): Resource[] {
  const rows: Resource[] = [{ kind: "nftTable", key: tableOf(bridge), owner: "" }];
  if (ours) rows.push({ kind: "bridge", key: bridge, owner: "" });
  return rows;
}

/** The default bridge in use: its addresses, rules and kernel settings. */
export class DefaultBridge implements Disposable {
  readonly settings: BridgeSettings;
  /** The bridge's interface index. */
  readonly index: number;
  readonly addresses: AddressPool;
  /** The bridge's own address. */
  readonly address: Cidr;
  /** Where containers send what is not for their subnet. */
  readonly gateway: IPv4;
  readonly mtu: number;
  /** Where a port is published when no address was asked for. */
  readonly hostIps: readonly string[];
  readonly firewall: Firewall | undefined;
  readonly #config: NetworkConfig;
  readonly #host: NetlinkSocket;
  readonly #nft: Nftables | undefined;

  constructor(host: NetlinkSocket, config: NetworkConfig, settings: BridgeSettings, link: Link) {
    this.#host = host;
    this.#config = config;
    this.settings = settings;
    this.index = link.index;
    this.address = parseCidr(settings.gateway);
    this.gateway =
      (config.defaultGateway ? parseIPv4(config.defaultGateway) : undefined) ?? this.address.address;
    this.mtu = config.mtu ?? defaultMtu;
    const range = config.fixedCidr ? parseCidr(config.fixedCidr) : this.address;
    this.addresses = new AddressPool(networkOf(this.address), networkOf(range), "bridge");
    this.addresses.reserve(this.address.address);
    this.addresses.reserve(this.gateway);
    this.hostIps = config.ip ? [config.ip] : hasIPv6() ? ["0.0.0.0", "::"] : ["0.0.0.0"];
    if (config.iptables === false) return;
    this.#nft = new Nftables();
    this.firewall = new Firewall(this.#nft, {
      table: tableOf(settings.bridge),
      bridge: settings.bridge,
      subnet: this.address,
      icc: config.icc ?? true,
      masquerade: config.ipMasq ?? true,
    });
  }

  /** Puts kernel settings and rules in place, whole, as they have to be with `ports` open. */
  apply(ports: readonly PublishedPort[]): void {
    const { bridge } = this.settings;
    if (this.#config.ipForward !== false) writeSysctl("net/ipv4/ip_forward", "1");
    if (!this.firewall || !this.#nft) return;
    // Lets the host reach published ports by 127.0.0.1; what comes from the bridge to that address is dropped.
    writeSysctl(`net/ipv4/conf/${bridge}/route_localnet`, "1");
    // Packets between containers stay within the bridge, and the rules see them only with this.
    if (this.#config.icc === false) this.#host.request(filterBridged(bridge));
    this.firewall.apply(ports);
    openForwarding(this.#nft, bridge);
  }

  /** Takes the rules back, and the bridge when it is ours. */
  remove(): void {
    const { bridge, ours } = this.settings;
    if (this.#nft) closeForwarding(this.#nft, bridge);
    this.firewall?.remove();
    if (ours) deleteLink(this.#host, bridge);
  }

  [Symbol.dispose](): void {
    this.#nft?.[Symbol.dispose]();
  }
}

/** Removes a bridge that was made by an earlier daemon, unless the name belongs to somebody else by now. */
export function removeFormerBridge(host: NetlinkSocket, { bridge, mac }: BridgeSettings): void {
  if (findLink(host, bridge)?.mac !== mac) return;
  using nft = new Nftables();
  closeForwarding(nft, bridge);
  removeTable(nft, tableOf(bridge));
  deleteLink(host, bridge);
}
