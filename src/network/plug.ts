import { closeSync, constants, openSync } from "node:fs";
import { invalidArgument, messageOf } from "../base/errors.ts";
import { addAddress } from "../linux/addresses.ts";
import { createVeth, findLink, linkUp, pinMac, withoutLinkLocal } from "../linux/links.ts";
import type { NetlinkSocket } from "../linux/netlink.ts";
import { readSysctl, writeSysctl } from "../linux/sysctl.ts";
import type { Wire } from "./live-network.ts";

/** Runs `work` with a descriptor of the network namespace that the calling thread is in. */
export function withThisNetns<T>(work: (fd: number) => T): T {
  const here = openSync("/proc/thread-self/ns/net", constants.O_RDONLY);
  try {
    return work(here);
  } finally {
    closeSync(here);
  }
}

/** Ties the calling thread's namespace to the bridge of that index, by a veth pair; the container's end is down. */
export function plugVeth(
  host: NetlinkSocket,
  { link: name, ifname, mac }: Wire,
  { index, mtu }: { index: number; mtu: number },
): void {
  withThisNetns((netnsFd) =>
    host.request(
      createVeth({ name, master: index, peer: { name: ifname, netnsFd, mac }, mtu }),
      ...(hasIPv6Stack() ? [withoutLinkLocal(name)] : []),
      linkUp(name),
    ),
  );
  pinTo(host, name, mac);
}

/** A container gets what is sent to the MAC address `mac` by the host's end `link` alone. */
export function pinTo(host: NetlinkSocket, link: string, mac: string): void {
  const port = findLink(host, link);
  if (port) host.request(pinMac(port.index, mac));
}

const hasIPv6Stack = () => readSysctl("net/ipv6/conf/default/disable_ipv6") !== undefined;

/** Gives the container's end its addresses and settings, and brings it up; returns its index. */
export function bringUp(inside: NetlinkSocket, { ifname, addresses, sysctls }: Wire): number {
  if (hasIPv6Stack()) {
    const ipv6 = addresses.some(({ family }) => family === 6);
    // An interface of a network without IPv6 has none, as in Docker; and nobody's advertisements change its routes.
    writeSysctl(`net/ipv6/conf/${ifname}/disable_ipv6`, ipv6 ? "0" : "1");
    writeSysctl(`net/ipv6/conf/${ifname}/accept_ra`, "0");
    if (ipv6) writeSysctl(`net/ipv6/conf/${ifname}/accept_dad`, "0");
  }
  for (const setting of sysctls) applySysctl(setting, ifname);
  const end = findLink(inside, ifname);
  if (!end) throw new Error(`${ifname} is missing in a network namespace`);
  inside.request(...addresses.map((address) => addAddress(end.index, address)), linkUp(ifname));
  return end.index;
}

const settingPattern = /^net\.(?:ipv4|ipv6|mpls)\.(?:conf|neigh)\.(?:IFNAME|ifname)\.[a-z0-9_]+=[^\s,]*$/;

/** The settings of `com.docker.network.endpoint.sysctls`. Throws `invalidArgument`. */
export function parseSysctls(text: string | undefined): string[] {
  const settings = text ? text.split(",") : [];
  for (const setting of settings) {
    if (settingPattern.test(setting)) continue;
    throw invalidArgument(
      `invalid endpoint settings:\nunrecognised network interface sysctl '${setting}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
    );
  }
  return settings;
}

function applySysctl(setting: string, ifname: string): void {
  const equals = setting.indexOf("=");
  const [net, family, kind, , name] = setting.slice(0, equals).split(".");
  try {
    writeSysctl(`${net}/${family}/${kind}/${ifname}/${name}`, setting.slice(equals + 1));
  } catch (error) {
    throw invalidArgument(`unable to set endpoint sysctl '${setting}': ${messageOf(error)}`, error);
  }
}
