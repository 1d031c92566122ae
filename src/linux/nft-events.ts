import { decodeAttributes, NETLINK_NETFILTER, NFNL_SUBSYS_NFTABLES } from "./netlink.ts";
import { NetlinkEvents, type NetlinkListener } from "./netlink-events.ts";

// <linux/netfilter/nfnetlink.h>, <linux/netfilter/nf_tables.h>
const NFNLGRP_NFTABLES = 7;
const NFT_MSG_NEWGEN = 15;
const NFTA_GEN_PROC_PID = 2;
/** Each kind of object names its table by the attribute of this number. */
const NFTA_TABLE = 1;
/** The length of struct nfgenmsg. */
const familyHeader = 4;

/** What one transaction has changed. */
export interface NftChange {
  /** Names of tables in which something was added or deleted; undefined when so much happened that it is not known. */
  tables: ReadonlySet<string> | undefined;
  /** The process that did it, as the kernel counts; 0 is not known. */
  pid: number;
}

/** Tells of every transaction of nftables in this network namespace, whoever makes it. */
export class NftEvents implements Disposable {
  readonly #events: NetlinkEvents;
  readonly #listener: (change: NftChange) => void;
  #tables = new Set<string>();
  /** This process, as the kernel counts; another number than `process.pid` in a PID namespace. */
  #self = process.pid;

  /** `listener` hears of the transactions of others. */
  constructor(listener: (change: NftChange) => void) {
    this.#listener = listener;
    const tell = this.#transactions((change) => this.#told(change));
    this.#events = new NetlinkEvents(NETLINK_NETFILTER, 1 << (NFNLGRP_NFTABLES - 1), tell);
  }

  #told(change: NftChange): void {
    if (change.pid !== this.#self) this.#listener(change);
  }

  /**
   * To be called right after a transaction of this process in tables of its own: from now on it is known by its number.
   * Others may have been at work meanwhile: who took one of them for himself would answer to his own changes for ever.
   */
  recogniseSelf(isOurs: (table: string) => boolean): void {
    const learn = ({ pid, tables }: NftChange) => {
      if (pid !== 0 && [...(tables ?? [])].some(isOurs)) this.#self = pid;
    };
    this.#events.drain(this.#transactions(learn));
  }

  /** Gathers messages until their transaction is whole. */
  #transactions(each: (change: NftChange) => void): NetlinkListener {
    return (message) => {
      if (!message) return each({ tables: undefined, pid: 0 });
      const { type, payload } = message;
      if (type >> 8 !== NFNL_SUBSYS_NFTABLES) return;
      const attributes = decodeAttributes(payload.subarray(familyHeader));
      if ((type & 0xff) === NFT_MSG_NEWGEN) {
        const pid = attributes.get(NFTA_GEN_PROC_PID);
        const tables = this.#tables;
        this.#tables = new Set();
        each({ tables, pid: pid && pid.length >= 4 ? pid.readUInt32BE(0) : 0 });
      } else {
        const name = attributes.get(NFTA_TABLE);
        if (name) this.#tables.add(name.toString("utf8").replace(/\0.*$/s, ""));
      }
    };
  }

  [Symbol.dispose](): void {
    this.#events[Symbol.dispose]();
  }
}
