import { closeSync } from "node:fs";
import { isIPv6 } from "node:net";
import { check, cstring, libc, SyscallError } from "./libc.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const EINPROGRESS = "EINPROGRESS";

const c = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  inet_pton: { args: ["i32", "ptr", "ptr"], returns: "i32" },
});

export type Transport = "tcp" | "udp";

/** An IP address and a port. */
export interface InetAddress {
  ip: string;
  port: number;
}

/** struct sockaddr_in or sockaddr_in6. */
function sockaddr({ ip, port }: InetAddress): Buffer {
  const v6 = isIPv6(ip);
  const address = Buffer.alloc(v6 ? 28 : 16);
  address.writeUInt16LE(v6 ? AF_INET6 : AF_INET, 0);
  address.writeUInt16BE(port, 2);
  const bytes = new Uint8Array(16);
  if (c.inet_pton(v6 ? AF_INET6 : AF_INET, cstring(ip), bytes) !== 1)
    throw new Error(`not an IP address: ${ip}`);
  address.set(bytes.subarray(0, v6 ? 16 : 4), v6 ? 8 : 4);
  return address;
}

/** A new non-blocking socket, handed to `use`, closed when that fails. */
function withSocket(ip: string, transport: Transport, use: (fd: number) => void): number {
  const type = (transport === "tcp" ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = check(c.socket(isIPv6(ip) ? AF_INET6 : AF_INET, type, 0), "socket", transport);
  try {
    use(fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const one = Int32Array.of(1);

/**
 * A socket of the calling thread's network namespace, bound to `address`, listening when it is TCP; the caller owns
 * the descriptor. An IPv6 socket takes IPv6 only. `SyscallError` `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, …
 */
export function bindSocket(transport: Transport, address: InetAddress): number {
  const text = `${address.ip}:${address.port}/${transport}`;
  return withSocket(address.ip, transport, (fd) => {
    // For UDP this option would let two sockets share a port.
    if (transport === "tcp") check(c.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, 4), "setsockopt", text);
    if (isIPv6(address.ip)) check(c.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, one, 4), "setsockopt", text);
    const name = sockaddr(address);
    check(c.bind(fd, name, name.length), "bind", text);
    if (transport === "tcp") check(c.listen(fd, 4096), "listen", text);
  });
}

/** A socket of the calling thread's network namespace on its way to `address` (TCP: not connected yet). */
export function connectSocket(transport: Transport, address: InetAddress): number {
  return withSocket(address.ip, transport, (fd) => {
    const name = sockaddr(address);
    try {
      check(c.connect(fd, name, name.length), "connect", `${address.ip}:${address.port}/${transport}`);
    } catch (error) {
      if (!(error instanceof SyscallError && error.code === EINPROGRESS)) throw error;
    }
  });
}

/** True when this host can bind IPv6 addresses. */
export function hasIPv6(): boolean {
  try {
    closeSync(bindSocket("udp", { ip: "::1", port: 0 }));
    return true;
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}
