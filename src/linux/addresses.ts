import { broadcastOf, type Cidr, type IPv4, ipv4Bytes, ipv4FromBytes, networkOf } from "../base/ipv4.ts";
import {
  type Attribute,
  decodeAttributes,
  type NetlinkMessage,
  type NetlinkSocket,
  NLM_F_CREATE,
  NLM_F_EXCL,
} from "./netlink.ts";

// rtnetlink(7), <linux/if_addr.h>, <linux/rtnetlink.h>
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RTN_UNICAST = 1;

/** Gives the interface of that index an address, with its broadcast address, as `ip address add` does. */
export function addAddress(index: number, cidr: Cidr): NetlinkMessage {
  const header = Buffer.alloc(8);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(cidr.prefix, 1);
  header.writeUInt32LE(index, 4);
  const attributes: Attribute[] = [
    [IFA_LOCAL, ipv4Bytes(cidr.address)],
    [IFA_ADDRESS, ipv4Bytes(cidr.address)],
  ];
  if (cidr.prefix < 31) attributes.push([IFA_BROADCAST, ipv4Bytes(broadcastOf(cidr))]);
  return { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, header, attributes, subject: "address" };
}

/** The IPv4 addresses of the socket's namespace, by interface. */
export function listAddresses(socket: NetlinkSocket): { index: number; cidr: Cidr }[] {
  const header = Buffer.alloc(8);
  header.writeUInt8(AF_INET, 0);
  return socket.dump({ type: RTM_GETADDR, header }).flatMap((payload) => {
    const local = decodeAttributes(payload.subarray(8)).get(IFA_LOCAL);
    if (local?.length !== 4) return [];
    const cidr = { address: ipv4FromBytes(local), prefix: payload.readUInt8(1) };
    return [{ index: payload.readUInt32LE(4), cidr }];
  });
}

/** struct rtmsg. */
function routeHeader(prefix: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(prefix, 1);
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(RTPROT_BOOT, 5);
  header.writeUInt8(RT_SCOPE_UNIVERSE, 6);
  header.writeUInt8(RTN_UNICAST, 7);
  return header;
}

/** The default route over `gateway`. */
export function addDefaultRoute(gateway: IPv4): NetlinkMessage {
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: routeHeader(0),
    attributes: [[RTA_GATEWAY, ipv4Bytes(gateway)]],
    subject: "default route",
  };
}

export interface Route {
  destination: Cidr;
  /** The interface; 0 for routes without one. */
  index: number;
}

/**
 * The IPv4 routes of the main table (and those of VPNs, which like tables of their own), without the kernel's local
 * ones.
 */
export function listRoutes(socket: NetlinkSocket): Route[] {
  return socket.dump({ type: RTM_GETROUTE, header: routeHeader(0) }).flatMap((payload) => {
    const attributes = decodeAttributes(payload.subarray(12));
    const RT_TABLE_LOCAL = 255;
    const table = attributes.get(RTA_TABLE)?.readUInt32LE(0) ?? payload.readUInt8(4);
    if (payload.readUInt8(0) !== AF_INET || table === RT_TABLE_LOCAL) return [];
    const destination = attributes.get(RTA_DST);
    const address = destination?.length === 4 ? ipv4FromBytes(destination) : 0;
    const cidr = networkOf({ address, prefix: payload.readUInt8(1) });
    return [{ destination: cidr, index: attributes.get(RTA_OIF)?.readUInt32LE(0) ?? 0 }];
  });
}
