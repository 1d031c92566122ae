import { errnoOf, internal, invalidArgument, unavailable } from "../base/errors.ts";
import type { Family, Ip } from "../base/ip.ts";
import { createUpper, findLink, linkUp } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import type { NetworkRow } from "../store/networks.ts";
import type { Resource } from "../store/resources.ts";
import type { DefaultRoute, LiveNetwork, Wire } from "./live-network.ts";
import { NetworkAddresses } from "./network-addresses.ts";
import { bringUp, withThisNetns } from "./plug.ts";
import type { NetworkSpec } from "./spec.ts";
import { parseVlanOptions, type VlanOptions } from "./vlan-options.ts";

/** The parent that a network has of its own, because none was asked for. */
const ownParent = (networkId: string) => `dm-${networkId.slice(0, 12)}`;

/** What a network makes on the host besides its containers' interfaces. */
export function vlanResources(row: NetworkRow, spec: NetworkSpec): Resource[] {
  const { parent } = parseVlanOptions(spec);
  const name = parent === "" ? ownParent(row.id) : vlanOf(parent) ? parent : undefined;
  return name === undefined ? [] : [{ kind: "link", key: name, owner: row.id }];
}

/** `eth0.10` is the VLAN 10 of `eth0`. */
function vlanOf(parent: string): { below: string; id: number } | undefined {
  const [, below = "", id = ""] = /^(.+)\.(\d{1,4})$/.exec(parent) ?? [];
  return below !== "" && Number(id) > 0 && Number(id) < 4095 ? { below, id: Number(id) } : undefined;
}

/** Why `parent`, which is not there, cannot be made. */
function whyNoVlan(parent: string): string {
  const [, id] = /^[^.]+\.([^.]*)$/.exec(parent) ?? [];
  if (id === undefined) return `invalid subinterface vlan name ${parent}, example formatting is eth0.10`;
  return /^\d+$/.test(id)
    ? `vlan id must be between 1-4094, received: ${id}`
    : `unable to parse a valid vlan id from: ${id} (ex. eth0.10 for vlan 10)`;
}

/**
 * Makes the parent of a macvlan or ipvlan network where it is not there. Returns whether it was made. Throws
 * `invalidArgument` when it cannot be.
 */
export function makeParent(host: NetlinkSocket, row: NetworkRow, { parent }: VlanOptions): boolean {
  const name = parent || ownParent(row.id);
  if (findLink(host, name)) return false;
  const vlan = vlanOf(parent);
  if (parent === "") host.request(createUpper({ name, what: { kind: "dummy" } }), linkUp(name));
  else if (vlan) {
    const below = findLink(host, vlan.below);
    if (!below) throw invalidArgument(`failed to find master subinterface ${vlan.below} on the Docker host`);
    host.request(
      createUpper({ name, what: { kind: "vlan", id: vlan.id }, parent: below.index }),
      linkUp(name),
    );
  } else {
    throw invalidArgument(whyNoVlan(parent));
  }
  return true;
}

/** A macvlan or ipvlan network in use. */
export class VlanNetwork implements LiveNetwork {
  readonly row: NetworkRow;
  readonly spec: NetworkSpec;
  readonly addresses: NetworkAddresses;
  readonly hasHostEnd = false;
  readonly interfacePrefix = "eth";
  readonly hostAddresses: readonly Ip[] = [];
  readonly firewall = undefined;
  readonly hostIps: readonly string[] = [];
  readonly routed: readonly Family[] = [];
  readonly #host: NetlinkSocket;
  readonly #options: VlanOptions;

  constructor(host: NetlinkSocket, row: NetworkRow, spec: NetworkSpec) {
    this.row = row;
    this.spec = spec;
    this.addresses = new NetworkAddresses(spec.subnets, `${row.name} (${row.id})`);
    this.#host = host;
    this.#options = parseVlanOptions(spec);
  }

  get #parent(): string {
    return this.#options.parent || ownParent(this.row.id);
  }

  plug(wire: Wire, inside: NetlinkSocket): void {
    const { what, mtu } = this.#options;
    const parent = findLink(this.#host, this.#parent);
    if (!parent) throw internal(`the parent interface ${this.#parent} was not found on the Docker host`);
    const upper = { name: wire.ifname, what, parent: parent.index, ...(mtu !== undefined && { mtu }) };
    const mac = what.kind === "macvlan" ? { mac: wire.mac } : {};
    try {
      withThisNetns((netnsFd) => this.#host.request(createUpper({ ...upper, ...mac, netnsFd })));
    } catch (error) {
      if (errnoOf(error) !== "EOPNOTSUPP") throw error;
      throw unavailable(`failed to create the ${what.kind} port: operation not supported`, error);
    }
    bringUp(inside, wire);
  }

  defaultRoute(ip: Ip, _family: Family): DefaultRoute {
    if (this.spec.internal) return undefined;
    return this.#options.layer3 ? "link" : this.addresses.gatewayOf(ip);
  }

  apply(): void {
    // There is nothing on the host's way to these containers.
  }

  remove(): void {
    // What was made for it goes by its rows.
  }

  [Symbol.dispose](): void {}
}
