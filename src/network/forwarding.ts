import { listLinks } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import { readSysctl, writeSysctl } from "../linux/sysctl.ts";

/**
 * Lets the host forward IPv6. A host that does so no longer listens to the advertisements of its own routers, and loses
 * its default route some time later: interfaces that did listen are told to go on.
 */
export function forwardIPv6(host: NetlinkSocket): void {
  const forwarding = "net/ipv6/conf/all/forwarding";
  if (readSysctl(forwarding) === undefined || readSysctl(forwarding) === "1") return;
  for (const { name } of listLinks(host)) {
    const acceptRa = `net/ipv6/conf/${name}/accept_ra`;
    if (readSysctl(acceptRa) === "1") writeSysctl(acceptRa, "2");
  }
  writeSysctl(forwarding, "1");
}
