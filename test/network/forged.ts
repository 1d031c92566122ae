import { closeSync } from "node:fs";
import { ipBytes, parseIp } from "../../src/base/ip.ts";
import { check, libc } from "../../src/linux/libc.ts";
import { findLink, macBytes } from "../../src/linux/links.ts";
import { inNetns } from "../../src/linux/namespace.ts";
import { NetlinkSocket } from "../../src/linux/netlink.ts";

/* Frames as an attacker makes them, sent from inside a network namespace by packet(7). */

const AF_PACKET = 17;
const SOCK_RAW = 3;
const c = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
});

const broadcast = "ff:ff:ff:ff:ff:ff";

function bytesOf(text: string): Uint8Array {
  const ip = parseIp(text);
  if (!ip) throw new Error(`not an address: ${text}`);
  return ipBytes(ip);
}

const u16be = (value: number) => Uint8Array.of(value >>> 8, value & 255);

function ethernet(from: string, to: string, type: number, payload: Uint8Array): Buffer {
  return Buffer.concat([macBytes(to), macBytes(from), u16be(type), payload]);
}

/** "`ip` is at `mac`", told to everybody (RFC 826). */
export function arpReply(ip: string, mac: string, operation: 1 | 2 = 2): Buffer {
  const head = [1, 0x0800].map(u16be);
  const owner = [macBytes(mac), bytesOf(ip)];
  const sizes = Uint8Array.of(6, 4);
  return ethernet(
    mac,
    broadcast,
    0x0806,
    Buffer.concat([...head, sizes, u16be(operation), ...owner, macBytes(broadcast), bytesOf(ip)]),
  );
}

/** An ICMPv6 message with its checksum, to all nodes of the link. */
function icmp6(from: string, mac: string, body: Buffer): Buffer {
  const [source, target] = [bytesOf(from), bytesOf("ff02::1")];
  const pseudo = Buffer.concat([
    source,
    target,
    Buffer.from([0, 0, ...u16be(body.length), 0, 0, 0, 58]),
    body,
  ]);
  let sum = 0;
  for (let at = 0; at < pseudo.length; at += 2) sum += pseudo.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  body.writeUInt16BE(~sum & 0xffff, 2);
  const header = Buffer.from([0x60, 0, 0, 0, ...u16be(body.length), 58, 255]);
  return ethernet(mac, "33:33:00:00:00:01", 0x86dd, Buffer.concat([header, source, target, body]));
}

/** "`ip` is at `mac`" (RFC 4861, section 4.4), sent by `from`. */
export function neighbourAdvertisement(from: string, ip: string, mac: string): Buffer {
  const override = 0x20;
  const head = Buffer.from([136, 0, 0, 0, override, 0, 0, 0]);
  return icmp6(from, mac, Buffer.concat([head, bytesOf(ip), Uint8Array.of(2, 1), macBytes(mac)]));
}

/** A question whose sender says that it is `from`, at `mac` (section 4.3). */
export function neighbourSolicitation(from: string, wanted: string, mac: string): Buffer {
  const head = Buffer.from([135, 0, 0, 0, 0, 0, 0, 0]);
  return icmp6(from, mac, Buffer.concat([head, bytesOf(wanted), Uint8Array.of(1, 1), macBytes(mac)]));
}

/** "I am a router for half an hour" (section 4.2), without prefixes. */
export function routerAdvertisement(from: string, mac: string): Buffer {
  return icmp6(from, mac, Buffer.from([134, 0, 0, 0, 64, 0, ...u16be(1800), 0, 0, 0, 0, 0, 0, 0, 0]));
}

/** A frame of no known protocol, which says only that `mac` is where it comes from. */
export const frameFrom = (mac: string) => ethernet(mac, broadcast, 0x88b5, Buffer.alloc(46));

/** Sends frames from the interface `ifname` of a network namespace. */
export function sendFrames(netns: string, ifname: string, frames: readonly Buffer[]): void {
  inNetns(netns, () => {
    using socket = new NetlinkSocket();
    // struct sockaddr_ll
    const to = Buffer.alloc(20);
    to.writeUInt16LE(AF_PACKET, 0);
    to.writeInt32LE(findLink(socket, ifname)?.index ?? 0, 4);
    const fd = check(c.socket(AF_PACKET, SOCK_RAW, 0), "socket", "packet");
    try {
      for (const frame of frames) {
        check(c.sendto(fd, frame, frame.length, 0, to, to.length), "sendto");
      }
    } finally {
      closeSync(fd);
    }
  });
}
