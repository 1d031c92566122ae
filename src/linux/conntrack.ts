import { formatIp, type Ip, ipBytes } from "../base/ip.ts";
import { SyscallError } from "./libc.ts";
import {
  type Attribute,
  be16,
  NETLINK_NETFILTER,
  type NetlinkMessage,
  NetlinkSocket,
  u8,
  u32,
} from "./netlink.ts";

// <linux/netfilter/nfnetlink_conntrack.h>
const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const CTA_TUPLE_ORIG = 1;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
/** What a flow is compared by: CTA_IP_DST, CTA_PROTO_NUM, CTA_PROTO_DST_PORT. */
const fields = (1 << 1) | (1 << 3) | (1 << 5);
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_UDP = 17;

/** An address of this host and a port of it. */
export interface FlowTarget {
  ip: Ip;
  port: number;
}

function deleteUdpFlows({ ip, port }: FlowTarget): NetlinkMessage {
  const proto: Attribute[] = [
    [CTA_PROTO_NUM, u8(IPPROTO_UDP)],
    [CTA_PROTO_DST_PORT, be16(port)],
  ];
  const tuple: Attribute[] = [
    [CTA_TUPLE_IP, [[ip.family === 4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, ipBytes(ip)]]],
    [CTA_TUPLE_PROTO, proto],
  ];
  return {
    type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
    // struct nfgenmsg
    header: Uint8Array.of(ip.family === 4 ? AF_INET : AF_INET6, 0, 0, 0),
    attributes: [
      [CTA_TUPLE_ORIG, tuple],
      [CTA_FILTER, [[CTA_FILTER_ORIG_FLAGS, u32(fields)]]],
    ],
    subject: `UDP flows to ${formatIp(ip)}:${port}`,
  };
}

/**
 * Makes the kernel forget the UDP flows that were sent to `targets`. A flow keeps the translation (or the lack of one)
 * that its first packet got, so one that never pauses would go on to where the port led before. 0.4 ms each, but 10 to
 * 20 ms while a network namespace is dying: the kernel does both under one lock. Needs Linux 5.8; an older kernel, or
 * one without ctnetlink, keeps its flows until they time out: returns false.
 */
export function forgetUdpFlows(targets: readonly FlowTarget[]): boolean {
  if (targets.length === 0) return true;
  try {
    using socket = new NetlinkSocket(NETLINK_NETFILTER);
    socket.request(...targets.map(deleteUdpFlows));
    return true;
  } catch (error) {
    if (error instanceof SyscallError) return error.code === "ENOENT";
    throw error;
  }
}
