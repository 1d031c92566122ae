import { internal } from "../../base/errors.ts";
import { type Family, formatIp, type Ip } from "../../base/ip.ts";
import { addRoute } from "../../linux/addresses.ts";
import { findLink, linkMac, moveLink } from "../../linux/links.ts";
import type { NetlinkSocket } from "../../linux/netlink.ts";
import type { NetworkRow } from "../../store/networks.ts";
import type { DefaultRoute, LiveNetwork, NotedWire, Wire } from "../live-network.ts";
import { NetworkAddresses } from "../network-addresses.ts";
import { bringUp, withThisNetns } from "../plug.ts";
import type { NetworkSpec } from "../spec.ts";

/** A network whose driver is a plugin: it makes the containers' interfaces, which are moved to them. */
export class PluginNetwork implements LiveNetwork {
  readonly row: NetworkRow;
  readonly spec: NetworkSpec;
  readonly addresses: NetworkAddresses;
  readonly hasHostEnd = false;
  readonly interfacePrefix = "eth";
  readonly hostAddresses: readonly Ip[] = [];
  readonly firewall = undefined;
  readonly hostIps: readonly string[] = [];
  readonly routed: readonly Family[] = [];
  readonly remote = true;
  readonly #host: NetlinkSocket;
  /** By the address of the container. */
  readonly #gateways = new Map<string, Ip>();

  constructor(host: NetlinkSocket, row: NetworkRow, spec: NetworkSpec) {
    this.#host = host;
    this.row = row;
    this.spec = spec;
    this.addresses = new NetworkAddresses(spec.subnets, `${row.name} (${row.id})`);
  }

  plug(wire: Wire, inside: NetlinkSocket): void {
    const { source = "", ifname, mac, routes = [] } = wire;
    this.note(wire);
    // A driver may have nothing for the container but names and addresses.
    if (source === "") return;
    const link = findLink(this.#host, source);
    if (!link) throw internal(`the interface ${source} of the plugin ${this.spec.driver} is not there`);
    withThisNetns((netnsFd) => this.#host.request(moveLink(link.index, { name: ifname, netnsFd })));
    if (mac === "") wire.mac = link.mac;
    else inside.request(linkMac(ifname, mac));
    const index = bringUp(inside, wire);
    inside.request(...routes.map(({ destination, nextHop }) => addRoute(destination, { index, nextHop })));
  }

  note({ addresses, gateways = [] }: NotedWire): void {
    for (const address of addresses) {
      const gateway = gateways.find(({ family }) => family === address.family);
      if (gateway) this.#gateways.set(formatIp(address), gateway);
    }
  }

  defaultRoute(ip: Ip, _family: Family): DefaultRoute {
    return this.spec.internal ? undefined : this.#gateways.get(formatIp(ip));
  }

  apply(): void {
    // The plugin does what there is to do on the host.
  }

  remove(): void {
    // As above: it is asked beforehand.
  }

  [Symbol.dispose](): void {}
}
