import type { Family, Ip, Prefix } from "../base/ip.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import type { NetworkRow } from "../store/networks.ts";
import type { Firewall, PublishedPort } from "./firewall.ts";
import type { NetworkAddresses } from "./network-addresses.ts";
import type { StaticRoute } from "./remote/driver.ts";
import type { NetworkSpec } from "./spec.ts";

/** A container's end in one network: what its interface is to be. */
export interface Wire {
  /** The host's end; empty where the driver has none. */
  link: string;
  /** The container's end. */
  ifname: string;
  mac: string;
  addresses: readonly Prefix[];
  /** Settings of the interface, as in `net.ipv4.conf.IFNAME.log_martians=1`. */
  sysctls: readonly string[];
  /** An interface of the host that becomes the container's end: a plugin has made it. */
  source?: string;
  /** What the plugin says of the ways from there. */
  gateways?: readonly Ip[];
  routes?: readonly StaticRoute[];
}

/** What is known of a wire that an earlier daemon plugged in. */
export type NotedWire = Pick<Wire, "link" | "mac" | "addresses" | "gateways">;

/** Where packets go that are for nobody in the network: a gateway, or just out of the interface. */
export type DefaultRoute = Ip | "link" | undefined;

/** A network that is in use on this host: one of the drivers. */
export interface LiveNetwork extends Disposable {
  readonly row: NetworkRow;
  readonly spec: NetworkSpec;
  readonly addresses: NetworkAddresses;
  /** Wires have an end on the host, by whose name they are found. */
  readonly hasHostEnd: boolean;
  /** What the names of the containers' interfaces begin with. */
  readonly interfacePrefix: string;
  /** The host's own addresses here. */
  readonly hostAddresses: readonly Ip[];
  /** Undefined: containers cannot publish ports here, or not by rules. */
  readonly firewall: Firewall | undefined;
  /** Where a port is published when no address was asked for; empty where ports cannot be published. */
  readonly hostIps: readonly string[];
  /** Of these families published ports are opened at the container's own address, without a port of the host. */
  readonly routed: readonly Family[];
  /** Its driver is a plugin. */
  readonly remote?: boolean;
  /** Makes the interface, up and with its addresses. Runs inside the namespace, where `inside` is. */
  plug(wire: Wire, inside: NetlinkSocket): void;
  /** An end that was plugged in by an earlier daemon. */
  note?(wire: NotedWire): void;
  /** The end has been taken away. */
  forget?(link: string): void;
  /** The way out for the container whose address is `ip`. */
  defaultRoute(ip: Ip, family: Family): DefaultRoute;
  /** Puts kernel settings and rules in place, whole, as they have to be with `ports` open. */
  apply(ports: readonly PublishedPort[]): void;
  /** Looks whether the host's own firewall lets containers through, and asks the administrator's chain. */
  reopen?(): void;
  /** Takes back what it has in the kernel. */
  remove(): void;
}
