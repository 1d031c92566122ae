import { closeSync } from "node:fs";
import { readNow, setNonBlocking } from "./fd.ts";
import { check, libc, SyscallError } from "./libc.ts";
import { Poller } from "./poller.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

const c = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
});

/** Hears one message: its type, and what follows its header; or undefined when the kernel had to drop some. */
export type NetlinkListener = (message: { type: number; payload: Buffer } | undefined) => void;

/**
 * What the kernel multicasts to groups (a bit mask) of a netlink protocol, about the network namespace that the calling
 * thread is in when this is made. It costs nothing while nothing happens.
 */
export class NetlinkEvents implements Disposable {
  readonly #fd: number;
  readonly #poller = new Poller();
  readonly #watch: Disposable;
  readonly #buffer = Buffer.alloc(256 * 1024);

  constructor(protocol: number, groups: number, listener: NetlinkListener) {
    this.#fd = check(c.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "socket", "netlink");
    setNonBlocking(this.#fd);
    // A great change is one burst; without the room for it, it is told without its details.
    c.setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUF, new Uint8Array(Uint32Array.of(1 << 20).buffer), 4);
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    address.writeUInt32LE(groups, 8);
    check(c.bind(this.#fd, address, address.length), "bind", "netlink");
    this.#watch = this.#poller.watch(this.#fd, "read", () => this.drain(listener));
  }

  /** Hears what has come until now, without waiting for anything. */
  drain(listener: NetlinkListener): void {
    try {
      for (;;) {
        const length = readNow(this.#fd, this.#buffer);
        if (length === undefined || length === 0) return;
        this.#split(this.#buffer.subarray(0, length), listener);
      }
    } catch (error) {
      if (!(error instanceof SyscallError && error.code === "ENOBUFS")) throw error;
      listener(undefined);
    }
  }

  #split(datagram: Buffer, listener: NetlinkListener): void {
    for (let at = 0; at + 16 <= datagram.length; ) {
      const length = datagram.readUInt32LE(at);
      if (length < 16 || at + length > datagram.length) return;
      listener({ type: datagram.readUInt16LE(at + 4), payload: datagram.subarray(at + 16, at + length) });
      at += (length + 3) & ~3;
    }
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    this.#poller[Symbol.dispose]();
    closeSync(this.#fd);
  }
}
