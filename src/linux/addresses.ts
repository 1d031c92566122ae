import {
  type Family,
  formatIp,
  formatPrefix,
  type Ip,
  ipBytes,
  ipFromBytes,
  lastOf,
  maskedPrefix,
  type Prefix,
} from "../base/ip.ts";
import { SyscallError } from "./libc.ts";
import {
  type Attribute,
  decodeAttributes,
  type NetlinkMessage,
  type NetlinkSocket,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  u32,
} from "./netlink.ts";

// rtnetlink(7), <linux/if_addr.h>, <linux/rtnetlink.h>
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const AF_INET6 = 10;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_F_NODAD = 2;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RT_TABLE_LOCAL = 255;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;

const numberOf = (family: Family) => (family === 4 ? AF_INET : AF_INET6);

/** struct ifaddrmsg. */
function addressHeader(family: Family, length: number, index: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(numberOf(family), 0);
  header.writeUInt8(length, 1);
  // Nobody else can have it: to look for duplicates would take a second.
  header.writeUInt8(family === 6 ? IFA_F_NODAD : 0, 2);
  header.writeUInt32LE(index, 4);
  return header;
}

/** Gives the interface of that index an address, with its broadcast address, as `ip address add` does. */
export function addAddress(index: number, prefix: Prefix): NetlinkMessage {
  const attributes: Attribute[] = [
    [IFA_LOCAL, ipBytes(prefix)],
    [IFA_ADDRESS, ipBytes(prefix)],
  ];
  if (prefix.family === 4 && prefix.length < 31) attributes.push([IFA_BROADCAST, ipBytes(lastOf(prefix))]);
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: addressHeader(prefix.family, prefix.length, index),
    attributes,
    subject: "address",
  };
}

/** The addresses of the socket's namespace, of both families, by interface. */
export function listAddresses(socket: NetlinkSocket): { index: number; address: Prefix }[] {
  return socket.dump({ type: RTM_GETADDR, header: Buffer.alloc(8) }).flatMap((payload) => {
    const attributes = decodeAttributes(payload.subarray(8));
    const local = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
    if (local?.length !== 4 && local?.length !== 16) return [];
    return [
      { index: payload.readUInt32LE(4), address: { ...ipFromBytes(local), length: payload.readUInt8(1) } },
    ];
  });
}

/** struct rtmsg. */
function routeHeader(family: number, length: number, scope = RT_SCOPE_UNIVERSE): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(family, 0);
  header.writeUInt8(length, 1);
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(RTPROT_BOOT, 5);
  header.writeUInt8(scope, 6);
  header.writeUInt8(RTN_UNICAST, 7);
  return header;
}

/** The default route over `gateway`, by the interface `index`, in place of the one that is there. */
export function setDefaultRoute(gateway: Ip, index: number): NetlinkMessage {
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    header: routeHeader(numberOf(gateway.family), 0),
    attributes: [
      [RTA_GATEWAY, ipBytes(gateway)],
      [RTA_OIF, u32(index)],
    ],
    subject: `default route over ${formatIp(gateway)}`,
  };
}

/** A route by an interface, over a next hop or, where there is none, directly. */
export function addRoute(
  destination: Prefix,
  { index, nextHop }: { index: number; nextHop: Ip | undefined },
): NetlinkMessage {
  const scope = nextHop || destination.family === 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    header: routeHeader(numberOf(destination.family), destination.length, scope),
    attributes: [
      [RTA_DST, ipBytes(maskedPrefix(destination))],
      ...(nextHop ? [[RTA_GATEWAY, ipBytes(nextHop)] as const] : []),
      [RTA_OIF, u32(index)],
    ],
    subject: `route to ${formatPrefix(destination)}`,
  };
}

/** The default route straight to the interface `index`, which needs no gateway. */
export function setDefaultLink(family: Family, index: number): NetlinkMessage {
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    header: routeHeader(numberOf(family), 0, family === 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE),
    attributes: [[RTA_OIF, u32(index)]],
    subject: "default route",
  };
}

/** Removes the default route of a family; nothing happens when there is none. */
export function removeDefaultRoute(socket: NetlinkSocket, family: Family): void {
  try {
    const header = routeHeader(numberOf(family), 0, 255);
    header.writeUInt8(0, 5);
    header.writeUInt8(0, 7);
    socket.request({ type: RTM_DELROUTE, header, attributes: [], subject: "default route" });
  } catch (error) {
    const isMissing = error instanceof SyscallError && ["ESRCH", "ENOENT"].includes(error.code);
    if (!isMissing) throw error;
  }
}

export interface Route {
  destination: Prefix;
  /** The interface; 0 for routes without one. */
  index: number;
}

/**
 * The routes of the main table (and those of VPNs, which like tables of their own), without the kernel's local ones.
 */
export function listRoutes(socket: NetlinkSocket): Route[] {
  return socket.dump({ type: RTM_GETROUTE, header: routeHeader(0, 0) }).flatMap((payload) => {
    const attributes = decodeAttributes(payload.subarray(12));
    const table = attributes.get(RTA_TABLE)?.readUInt32LE(0) ?? payload.readUInt8(4);
    const number = payload.readUInt8(0);
    if ((number !== AF_INET && number !== AF_INET6) || table === RT_TABLE_LOCAL) return [];
    const family = number === AF_INET ? 4 : 6;
    // The kernel lists its local IPv6 addresses and multicast here too.
    if (family === 6 && payload.readUInt8(7) !== RTN_UNICAST) return [];
    const bytes = attributes.get(RTA_DST);
    const address = bytes ? ipFromBytes(bytes) : { family, value: 0n };
    const destination = maskedPrefix({ ...address, family, length: payload.readUInt8(1) });
    return [{ destination, index: attributes.get(RTA_OIF)?.readUInt32LE(0) ?? 0 }];
  });
}
