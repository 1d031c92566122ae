import type { Family } from "../base/ip.ts";
import { removeDefaultRoute, setDefaultLink, setDefaultRoute } from "../linux/addresses.ts";
import { findLink } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import { readSysctl } from "../linux/sysctl.ts";
import type { DefaultRoute } from "./live-network.ts";

/** The way out of a container, by family: over what, and by which of its interfaces. */
export type WaysOut = Record<Family, { route: NonNullable<DefaultRoute>; ifname: string } | undefined>;

/** Makes these the default routes of the namespace that `inside` is in; a family without a way gets none. */
export function setDefaultRoutes(inside: NetlinkSocket, ways: WaysOut): void {
  for (const family of [4, 6] as const) {
    const way = ways[family];
    if (!way) {
      if (family === 4 || readSysctl("net/ipv6/conf/default/disable_ipv6") !== undefined)
        removeDefaultRoute(inside, family);
      continue;
    }
    const index = findLink(inside, way.ifname)?.index ?? 0;
    inside.request(way.route === "link" ? setDefaultLink(family, index) : setDefaultRoute(way.route, index));
  }
}
