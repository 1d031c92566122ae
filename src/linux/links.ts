import { SyscallError } from "./libc.ts";
import {
  type Attribute,
  decodeAttributes,
  encodeAttributes,
  type NetlinkMessage,
  type NetlinkSocket,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  text,
  u8,
  u16,
  u32,
} from "./netlink.ts";

// rtnetlink(7), <linux/if_link.h>, <linux/veth.h>
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_AF_SPEC = 26;
const IFLA_GROUP = 27;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const VETH_INFO_PEER = 1;
const IFLA_BR_NF_CALL_IPTABLES = 36;
const IFLA_BRPORT_MODE = 4;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const AF_INET6 = 10;
const IFF_UP = 1;
const RTM_NEWNEIGH = 28;
const NDA_LLADDR = 2;
const NUD_NOARP = 0x40;
const NTF_MASTER = 0x04;
const NTF_STICKY = 0x40;
const AF_BRIDGE = 7;

/** A network interface. */
export interface Link {
  index: number;
  name: string;
  /** The bridge (or other master) that it is a port of; 0 for none. */
  master: number;
  up: boolean;
  /** `bridge`, `veth`, …; empty for hardware. */
  kind: string;
  /** `02:42:ac:11:00:02`. */
  mac: string;
  mtu: number;
}

/** struct ifinfomsg. */
function linkHeader(index: number, up = false): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(up ? IFF_UP : 0, 8);
  header.writeUInt32LE(up ? IFF_UP : 0, 12);
  return header;
}

export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (part) => Number.parseInt(part, 16));
}

const formatMac = (bytes: Buffer | undefined) =>
  bytes ? Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":") : "";

const cleanText = (bytes: Buffer | undefined) => bytes?.toString().replace(/\0.*$/s, "") ?? "";

function decodeLink(payload: Buffer): Link {
  const attributes = decodeAttributes(payload.subarray(16));
  const info = decodeAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0));
  return {
    index: payload.readInt32LE(4),
    name: cleanText(attributes.get(IFLA_IFNAME)),
    master: attributes.get(IFLA_MASTER)?.readUInt32LE(0) ?? 0,
    up: (payload.readUInt32LE(8) & IFF_UP) !== 0,
    kind: cleanText(info.get(IFLA_INFO_KIND)),
    mac: formatMac(attributes.get(IFLA_ADDRESS)),
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
  };
}

/** All interfaces of the socket's namespace. */
export function listLinks(socket: NetlinkSocket): Link[] {
  return socket.dump({ type: RTM_GETLINK, header: linkHeader(0) }).map(decodeLink);
}

/** The interface of that name, or undefined. */
export function findLink(socket: NetlinkSocket, name: string): Link | undefined {
  try {
    return decodeLink(
      socket.get({
        type: RTM_GETLINK,
        header: linkHeader(0),
        attributes: [[IFLA_IFNAME, text(name)]],
        subject: name,
      }),
    );
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ENODEV") return undefined;
    throw error;
  }
}

/**
 * The group (`ip link … group`) of all our bridges: by it the rules of one know those of the others, whichever daemon
 * made them.
 */
export const bridgeGroup = 0x4c53;

/** Makes a bridge, down and without an address. `EEXIST` when the name is taken. */
export function createBridge(name: string, options: { mac: string; mtu: number }): NetlinkMessage {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: linkHeader(0),
    attributes: [
      [IFLA_IFNAME, text(name)],
      [IFLA_ADDRESS, macBytes(options.mac)],
      [IFLA_MTU, u32(options.mtu)],
      [IFLA_GROUP, u32(bridgeGroup)],
      [IFLA_LINKINFO, [[IFLA_INFO_KIND, text("bridge")]]],
    ],
    subject: `bridge ${name}`,
  };
}

/** Brings an interface up. */
export function linkUp(name: string): NetlinkMessage {
  return {
    type: RTM_NEWLINK,
    header: linkHeader(0, true),
    attributes: [[IFLA_IFNAME, text(name)]],
    subject: name,
  };
}

/** Moves an interface, which goes down by that, to another namespace, where it has another name. */
export function moveLink(
  index: number,
  { name, netnsFd }: { name: string; netnsFd: number },
): NetlinkMessage {
  const attributes: Attribute[] = [
    [IFLA_NET_NS_FD, u32(netnsFd)],
    [IFLA_IFNAME, text(name)],
  ];
  return { type: RTM_NEWLINK, header: linkHeader(index), attributes, subject: name };
}

/** Changes the address of an interface. */
export function linkMac(name: string, mac: string): NetlinkMessage {
  const attributes: Attribute[] = [
    [IFLA_IFNAME, text(name)],
    [IFLA_ADDRESS, macBytes(mac)],
  ];
  return { type: RTM_NEWLINK, header: linkHeader(0), attributes, subject: `address of ${name}` };
}

function changeLink(name: string, info: readonly Attribute[]): NetlinkMessage {
  const attributes: Attribute[] = [
    [IFLA_IFNAME, text(name)],
    [IFLA_LINKINFO, info],
  ];
  return { type: RTM_NEWLINK, header: linkHeader(0), attributes, subject: name };
}

/** Lets a bridge port send a packet back to where it came from ("hairpin"). */
export function setHairpin(port: string): NetlinkMessage {
  return changeLink(port, [
    [IFLA_INFO_SLAVE_KIND, text("bridge")],
    [IFLA_INFO_SLAVE_DATA, [[IFLA_BRPORT_MODE, u8(1)]]],
  ]);
}

/**
 * Ties a MAC address to the port of a bridge that has the index `port`: whoever else uses it gets nothing that is sent
 * to it. `bridge fdb add MAC dev PORT master static sticky`.
 */
export function pinMac(port: number, mac: string): NetlinkMessage {
  // struct ndmsg
  const header = Buffer.alloc(12);
  header.writeUInt8(AF_BRIDGE, 0);
  header.writeInt32LE(port, 4);
  header.writeUInt16LE(NUD_NOARP, 8);
  header.writeUInt8(NTF_MASTER | NTF_STICKY, 10);
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    header,
    attributes: [[NDA_LLADDR, macBytes(mac)]],
    subject: `address ${mac}`,
  };
}

/**
 * Makes what a bridge carries between its ports pass the IPv4 firewall, whatever the host's setting for all bridges is.
 */
export function filterBridged(bridge: string): NetlinkMessage {
  return changeLink(bridge, [
    [IFLA_INFO_KIND, text("bridge")],
    [IFLA_INFO_DATA, [[IFLA_BR_NF_CALL_IPTABLES, u8(1)]]],
  ]);
}

/** Keeps an interface, while it is down, from giving itself an IPv6 link-local address. */
export function withoutLinkLocal(name: string): NetlinkMessage {
  const attributes: Attribute[] = [
    [IFLA_IFNAME, text(name)],
    [IFLA_AF_SPEC, [[AF_INET6, [[IFLA_INET6_ADDR_GEN_MODE, u8(IN6_ADDR_GEN_MODE_NONE)]]]]],
  ];
  return { type: RTM_NEWLINK, header: linkHeader(0), attributes, subject: name };
}

export interface VethPair {
  /** The end in the socket's namespace, a port of the interface `master`. */
  name: string;
  master: number;
  /** The other end, made directly in the namespace behind `netnsFd`: moving it there later would cost 17 ms. */
  peer: { name: string; netnsFd: number; mac: string };
  mtu: number;
}

/** Makes both ends of a veth pair, down. */
export function createVeth({ name, master, peer, mtu }: VethPair): NetlinkMessage {
  const peerAttributes = encodeAttributes([
    [IFLA_IFNAME, text(peer.name)],
    [IFLA_ADDRESS, macBytes(peer.mac)],
    [IFLA_MTU, u32(mtu)],
    [IFLA_NET_NS_FD, u32(peer.netnsFd)],
  ]);
  const data: Attribute = [VETH_INFO_PEER, Buffer.concat([linkHeader(0), peerAttributes])];
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: linkHeader(0),
    attributes: [
      [IFLA_IFNAME, text(name)],
      [IFLA_MTU, u32(mtu)],
      [IFLA_MASTER, u32(master)],
      [
        IFLA_LINKINFO,
        [
          [IFLA_INFO_KIND, text("veth")],
          [IFLA_INFO_DATA, [data]],
        ],
      ],
    ],
    subject: `veth ${name}`,
  };
}

/** What an interface on top of another one (or of none) is. */
export type UpperKind =
  | { kind: "macvlan"; mode: number }
  | { kind: "ipvlan"; mode: number; flags: number }
  | { kind: "vlan"; id: number }
  | { kind: "dummy" };

export interface UpperLink {
  name: string;
  what: UpperKind;
  /** The index of the interface below it; none for a dummy. */
  parent?: number;
  /** The namespace to make it in; the socket's where none is given. */
  netnsFd?: number;
  mac?: string;
  mtu?: number;
}

function upperData(what: UpperKind): Attribute[] {
  if (what.kind === "macvlan") return [[1, u32(what.mode)]];
  if (what.kind === "vlan") return [[1, u16(what.id)]];
  if (what.kind === "dummy") return [];
  const mode: Attribute = [1, u16(what.mode)];
  return [mode, [2, u16(what.flags)]];
}

/** Makes a macvlan, ipvlan, VLAN or dummy interface, down. */
export function createUpper({ name, what, parent, netnsFd, mac, mtu }: UpperLink): NetlinkMessage {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: linkHeader(0),
    attributes: [
      [IFLA_IFNAME, text(name)],
      ...(parent === undefined ? [] : [[IFLA_LINK, u32(parent)] as const]),
      ...(netnsFd === undefined ? [] : [[IFLA_NET_NS_FD, u32(netnsFd)] as const]),
      ...(mac === undefined ? [] : [[IFLA_ADDRESS, macBytes(mac)] as const]),
      ...(mtu === undefined ? [] : [[IFLA_MTU, u32(mtu)] as const]),
      [
        IFLA_LINKINFO,
        [
          [IFLA_INFO_KIND, text(what.kind)],
          [IFLA_INFO_DATA, upperData(what)],
        ],
      ],
    ],
    subject: `${what.kind} ${name}`,
  };
}

/** Deletes an interface; false when there is none of that name. A live veth costs 20 ms. */
export function deleteLink(socket: NetlinkSocket, name: string): boolean {
  try {
    socket.request({
      type: RTM_DELLINK,
      header: linkHeader(0),
      attributes: [[IFLA_IFNAME, text(name)]],
      subject: name,
    });
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ENODEV") return false;
    throw error;
  }
}
