import { closeSync } from "node:fs";
import { readNow, setNonBlocking } from "./fd.ts";
import { check, libc, SyscallError } from "./libc.ts";
import { decodeAttributes, NETLINK_NETFILTER } from "./netlink.ts";
import { Poller } from "./poller.ts";

// <linux/netfilter/nfnetlink.h>, <linux/netfilter/nf_tables.h>
const NFNL_SUBSYS_NFTABLES = 10;
const NFNLGRP_NFTABLES = 7;
const NFT_MSG_NEWGEN = 15;
const NFTA_GEN_PROC_PID = 2;
/** Each kind of object names its table by the attribute of this number. */
const NFTA_TABLE = 1;
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

/** What one transaction has changed. */
export interface NftChange {
  /** Names of tables in which something was added or deleted; undefined when so much happened that it is not known. */
  tables: ReadonlySet<string> | undefined;
  /** The process that did it, as the kernel counts; 0 is not known. */
  pid: number;
}

/**
 * Tells of every transaction of nftables in the network namespace that the calling thread is in when this is made,
 * whoever makes it. It costs nothing while nothing happens.
 */
export class NftEvents implements Disposable {
  readonly #fd: number;
  readonly #poller = new Poller();
  readonly #watch: Disposable;
  readonly #listener: (change: NftChange) => void;
  readonly #buffer = Buffer.alloc(256 * 1024);
  #tables = new Set<string>();
  /** This process, as the kernel counts; another number than `process.pid` in a PID namespace. */
  #self = process.pid;

  /** `listener` hears of the transactions of others. */
  constructor(listener: (change: NftChange) => void) {
    this.#listener = listener;
    this.#fd = check(c.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), "socket", "netlink");
    setNonBlocking(this.#fd);
    // A flush of large tables is one burst; without the room for it, the change is told without its tables.
    c.setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUF, new Uint8Array(Uint32Array.of(1 << 20).buffer), 4);
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    address.writeUInt32LE(1 << (NFNLGRP_NFTABLES - 1), 8);
    check(c.bind(this.#fd, address, address.length), "bind", "netlink");
    this.#watch = this.#poller.watch(this.#fd, "read", () => this.#drain((change) => this.#told(change)));
  }

  #told(change: NftChange): void {
    if (change.pid !== this.#self) this.#listener(change);
  }

  /**
   * To be called right after a transaction of this process in tables of its own: from now on it is known by its number.
   * Others may have been at work meanwhile: who took one of them for himself would answer to his own changes for ever.
   */
  recogniseSelf(isOurs: (table: string) => boolean): void {
    this.#drain(({ pid, tables = [] }) => {
      if (pid !== 0 && [...tables].some(isOurs)) this.#self = pid;
    });
  }

  #drain(each: (change: NftChange) => void): void {
    try {
      for (;;) {
        const length = readNow(this.#fd, this.#buffer);
        if (length === undefined || length === 0) return;
        this.#decode(this.#buffer.subarray(0, length), each);
      }
    } catch (error) {
      if (!(error instanceof SyscallError && error.code === "ENOBUFS")) throw error;
      each({ tables: undefined, pid: 0 });
    }
  }

  #decode(datagram: Buffer, each: (change: NftChange) => void): void {
    for (let at = 0; at + 20 <= datagram.length; ) {
      const length = datagram.readUInt32LE(at);
      if (length < 20 || at + length > datagram.length) return;
      const type = datagram.readUInt16LE(at + 4);
      const attributes = decodeAttributes(datagram.subarray(at + 20, at + length));
      if (type === ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN)) {
        const pid = attributes.get(NFTA_GEN_PROC_PID);
        const tables = this.#tables;
        this.#tables = new Set();
        each({ tables, pid: pid && pid.length >= 4 ? pid.readUInt32BE(0) : 0 });
      } else if (type >> 8 === NFNL_SUBSYS_NFTABLES) {
        const name = attributes.get(NFTA_TABLE);
        if (name) this.#tables.add(name.toString("utf8").replace(/\0.*$/s, ""));
      }
      at += (length + 3) & ~3;
    }
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    this.#poller[Symbol.dispose]();
    closeSync(this.#fd);
  }
}
