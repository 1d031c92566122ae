import { formatPrefix, overlaps, type Prefix } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { listRoutes } from "../linux/addresses.ts";
import { listLinks } from "../linux/links.ts";
import { NETLINK_ROUTE, type NetlinkSocket } from "../linux/netlink.ts";
import { NetlinkEvents } from "../linux/netlink-events.ts";
import { isDefaultLike } from "./bridge.ts";

// rtnetlink(7)
const RTMGRP_IPV4_ROUTE = 0x40;
const RTMGRP_IPV6_ROUTE = 0x400;
const RT_TABLE_LOCAL = 255;
const RTN_UNICAST = 1;
/** Who brings a VPN up, adds many routes. In milliseconds. */
const settleMillis = 500;

/** A network with a bridge of this host. */
export interface BridgedNetwork {
  name: string;
  bridge: string;
  subnets: readonly Prefix[];
}

/**
 * What a user should know of the host's routes that lead elsewhere with addresses of networks of ours: a VPN that was
 * started after them, mostly.
 */
export function routeConflicts(host: NetlinkSocket, networks: readonly BridgedNetwork[]): string[] {
  const names = new Map(listLinks(host).map(({ index, name }) => [index, name]));
  const bridges = new Set(networks.map(({ bridge }) => bridge));
  const others = listRoutes(host).flatMap(({ destination, index }) => {
    const device = names.get(index) ?? "none";
    return bridges.has(device) || isDefaultLike(destination) ? [] : [{ destination, device }];
  });
  return networks.flatMap(({ name, subnets }) =>
    subnets.flatMap((subnet) =>
      others
        .filter(({ destination }) => overlaps(destination, subnet))
        .map(({ destination, device }) => words(name, subnet, destination, device)),
    ),
  );
}

function words(name: string, subnet: Prefix, route: Prefix, device: string): string {
  // The longer prefix wins.
  const lost =
    route.length < subnet.length
      ? "addresses behind that route that are in the network's subnet cannot be reached from here"
      : "containers of the network may not be reached";
  return `network ${name} (${formatPrefix(subnet)}) overlaps with the host's route to ${formatPrefix(route)} (${device}): ${lost}; create it anew for another subnet`;
}

/** Whether a message (struct rtmsg) is of a route that leads anywhere; each new veth comes with one for multicast. */
const leadsSomewhere = (payload: Buffer) => payload[4] !== RT_TABLE_LOCAL && payload[7] === RTN_UNICAST;

/** Writes into the log when a route appears that takes addresses of our networks elsewhere. */
export class RouteWatch implements Disposable {
  readonly #events: NetlinkEvents;
  readonly #find: () => string[];
  readonly #log: Logger;
  #known: ReadonlySet<string> = new Set();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(find: () => string[], log: Logger) {
    this.#find = find;
    this.#log = log;
    this.#events = new NetlinkEvents(NETLINK_ROUTE, RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE, (message) => {
      if (!message || leadsSomewhere(message.payload)) this.look();
    });
  }

  /** Looks at the routes, soon. */
  look(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#compare();
    }, settleMillis);
    this.#timer.unref();
  }

  #compare(): void {
    const found = new Set(this.#find());
    for (const conflict of found) if (!this.#known.has(conflict)) this.#log.warn(conflict);
    this.#known = found;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#events[Symbol.dispose]();
  }
}
