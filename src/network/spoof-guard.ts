import { formatIp, type Ip } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { SyscallError } from "../linux/libc.ts";
import type { NftElement } from "../linux/nft-elements.ts";
import { type Nftables, NftablesError } from "../linux/nftables.ts";

/** The host's end of a container's wire, and what the container may say that it has. */
export interface GuardedEnd {
  link: string;
  addresses: readonly Ip[];
}

/** An element of one of the guard's sets, for the kernel and in the words of nft(8), by which it is known. */
interface Element extends NftElement {
  readonly text: string;
}

/** How often rules are tried before the kernel is taken to have none for bridges. */
const attempts = 3;

/** How long elements of ends that are gone may stay, in milliseconds: names of ends are never used again. */
const sweepMillis = 500;

/**
 * Keeps the containers of one bridge from passing for each other, or for the gateway. An address that somebody has is
 * announced (ARP, and neighbour discovery of IPv6) by its owner alone; one that nobody has may be taken by anybody, as
 * fail-over programs do. No container announces itself as a router, or sends others to one. Only what announces meets
 * these rules. (Frames are led astray by a false MAC address no more: see `pinMac`.)
 *
 * Addresses of IPv6 are numbers here: nft(8) before 1.0.8 has no name for the target of an announcement.
 */
export class SpoofGuard {
  readonly #nft: Nftables;
  readonly #table: string;
  readonly #gateways: readonly Ip[];
  readonly #log: Logger;
  /** How many ends each element is needed by. */
  readonly #needed = new Map<string, number>();
  /** What is in the kernel and no longer needed. */
  readonly #stale = new Map<string, Element>();
  readonly #ends = new Map<string, readonly Element[]>();
  #sweeper: ReturnType<typeof setTimeout> | undefined;
  /** The kernel has no rules for bridges. */
  #impossible = false;

  constructor(nft: Nftables, options: { table: string; gateways: readonly Ip[]; log: Logger }) {
    this.#nft = nft;
    this.#table = options.table;
    this.#gateways = options.gateways;
    this.#log = options.log;
  }

  /** Notes an end that is there already; `apply` follows. */
  note(end: GuardedEnd): void {
    this.forget(end.link);
    const elements = elementsOf(end);
    this.#ends.set(end.link, elements);
    for (const { text } of elements) {
      this.#needed.set(text, (this.#needed.get(text) ?? 0) + 1);
      this.#stale.delete(text);
    }
  }

  /** From now on the end may announce its addresses, and nobody else may. 0.1 ms. */
  admit(end: GuardedEnd): void {
    this.note(end);
    this.#change(this.#ends.get(end.link) ?? []);
  }

  /** The end is gone. */
  forget(link: string): void {
    const elements = this.#ends.get(link);
    if (!elements) return;
    this.#ends.delete(link);
    for (const element of elements) {
      const users = (this.#needed.get(element.text) ?? 1) - 1;
      if (users > 0) this.#needed.set(element.text, users);
      else {
        this.#needed.delete(element.text);
        this.#stale.set(element.text, element);
      }
    }
    this.#sweeper ??= setTimeout(() => this.#change([]), sweepMillis).unref();
  }

  /** Adds elements (those that are there already stay), and takes the stale ones away, in one transaction. */
  #change(added: readonly Element[]): void {
    clearTimeout(this.#sweeper);
    this.#sweeper = undefined;
    if (this.#impossible || (added.length === 0 && this.#stale.size === 0)) return;
    try {
      this.#nft.bridgeElements.change(this.#table, added, [...this.#stale.values()]);
      this.#stale.clear();
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      // Somebody flushed it.
      this.apply();
    }
  }

  /** Replaces whatever stands there by the rules, without a gap. */
  apply(): void {
    if (this.#impossible) return;
    const name = `table bridge ${this.#table}`;
    const elements = Array.from(this.#all(), (text) => `add element bridge ${this.#table} ${text}`);
    const rules = [`${name}\ndelete ${name}\n${name} {${chain}}`, ...elements];
    try {
      this.#runSurely(rules.join("\n"));
      this.#stale.clear();
    } catch (error) {
      if (!(error instanceof NftablesError)) throw error;
      this.#impossible = true;
      const why = "the kernel takes no rules for bridges: containers of one network can pass for each other";
      this.#log.warn(why, { error: error.message });
    }
  }

  /** A transaction of somebody else's that comes between fails it too: only what fails each time is impossible. */
  #runSurely(commands: string): void {
    for (let left = attempts - 1; ; left--) {
      try {
        this.#nft.run(commands);
        return;
      } catch (error) {
        if (left === 0 || !(error instanceof NftablesError)) throw error;
      }
    }
  }

  #all(): Set<string> {
    return new Set([...this.#gateways.map((ip) => ownedElement(ip).text), ...this.#needed.keys()]);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#sweeper);
  }
}

/** Where the numbers are: <https://www.rfc-editor.org/rfc/rfc8200#section-3>, <https://www.rfc-editor.org/rfc/rfc4861#section-4.4>. */
const source6 = "@nh,64,128";
const target6 = "@th,64,128";
const chain = `
  set ends { type ifname; }
  set owned4 { type ipv4_addr; }
  set ends4 { type ifname . ipv4_addr; }
  set owned6 { typeof ${target6}; }
  set ends6 { typeof iifname . ${target6}; }
  chain guard {
    type filter hook prerouting priority -300; policy accept
    ether type arp iifname @ends arp saddr ip @owned4 iifname . arp saddr ip != @ends4 drop
    icmpv6 type { nd-router-advert, nd-redirect } iifname @ends drop
    icmpv6 type { nd-neighbor-solicit, nd-router-solicit } iifname @ends ${source6} @owned6 iifname . ${source6} != @ends6 drop
    icmpv6 type nd-neighbor-advert iifname @ends ${target6} @owned6 iifname . ${target6} != @ends6 drop
  }
`;

const inWords = (ip: Ip) => (ip.family === 4 ? formatIp(ip) : `0x${ip.value.toString(16).padStart(32, "0")}`);

/** In network byte order. */
const bytesOf = ({ family, value }: Ip) =>
  Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, "0"), "hex");

/** The longest name of an interface, with its NUL. (<linux/if.h>) */
const IFNAMSIZ = 16;

const ownedElement = (ip: Ip): Element => {
  const set = `owned${ip.family}`;
  return { set, key: bytesOf(ip), text: `${set} { ${inWords(ip)} }` };
};

function elementsOf({ link, addresses }: GuardedEnd): Element[] {
  const name = JSON.stringify(link);
  const key = Buffer.alloc(IFNAMSIZ);
  key.write(link);
  const own = addresses.map((ip) => {
    const set = `ends${ip.family}`;
    return { set, key: Buffer.concat([key, bytesOf(ip)]), text: `${set} { ${name} . ${inWords(ip)} }` };
  });
  return [{ set: "ends", key, text: `ends { ${name} }` }, ...addresses.map(ownedElement), ...own];
}

/** The link-local address that an interface gives itself (RFC 4291, appendix A). */
export function linkLocalOf(mac: string): Ip {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(":").map((part) => Number.parseInt(part, 16));
  const bytes = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f];
  return { family: 6, value: bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) };
}
