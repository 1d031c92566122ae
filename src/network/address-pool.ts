import { forbidden, unavailable } from "../base/errors.ts";
import {
  addressIn,
  contains,
  formatPrefix,
  type Ip,
  lastOf,
  maskedPrefix,
  type Prefix,
  sizeOf,
} from "../base/ip.ts";

/** How long an address rests after its release: what knows it from before must not meet somebody else there. */
const restMillis = 10_000;

export interface PoolOptions {
  subnet: Prefix;
  /** Addresses are handed out from this part of the subnet. */
  range: Prefix;
  /** Names the network in errors. */
  network: string;
  /** In milliseconds, never backwards. */
  now?: () => number;
}

/** The addresses of one subnet: who has one has it alone until it gives it back. */
export class AddressPool {
  readonly subnet: Prefix;
  readonly range: Prefix;
  readonly #network: string;
  readonly #now: () => number;
  readonly #taken = new Set<bigint>();
  /** When each address that rests was released; the longest ago first. */
  readonly #resting = new Map<bigint, number>();

  constructor({ subnet, range, network, now = () => performance.now() }: PoolOptions) {
    this.subnet = maskedPrefix(subnet);
    this.range = maskedPrefix(range);
    this.#network = network;
    this.#now = now;
    // The subnet's own address, and the one for broadcasts; a link between two points (RFC 3021) has neither.
    if (sizeOf(this.subnet) <= 2n) return;
    this.reserve(this.subnet);
    if (this.subnet.family === 4) this.reserve(lastOf(this.subnet));
  }

  /** Marks an address of the subnet as taken; false when it was already. */
  reserve({ value }: Ip): boolean {
    if (this.#taken.has(value)) return false;
    this.#taken.add(value);
    this.#resting.delete(value);
    return true;
  }

  /** A certain address. Throws `forbidden` when it is taken. */
  claim(ip: Ip): Prefix {
    if (!this.reserve(ip)) throw forbidden("Address already in use");
    return { ...ip, length: this.subnet.length };
  }

  /** The lowest free address that does not rest, else the one that rests the longest. Throws `unavailable`. */
  take(): Prefix {
    const rested = this.#now() - restMillis;
    const { value: last } = lastOf(this.range);
    for (let { value } = this.range; value <= last; value++) {
      if (this.#taken.has(value) || (this.#resting.get(value) ?? rested) > rested) continue;
      return this.claim({ family: this.range.family, value });
    }
    for (const value of this.#resting.keys()) {
      const ip = { family: this.range.family, value };
      if (contains(this.range, ip)) return this.claim(ip);
    }
    const family = `IPv${this.subnet.family}`;
    throw unavailable(`no available ${family} addresses on this network's address pools: ${this.#network}`);
  }

  /** Gives an address back. */
  free({ value }: Ip): void {
    if (!this.#taken.delete(value)) return;
    this.#resting.set(value, this.#now());
  }

  /** How many are taken, the subnet's own and the gateway among them. */
  get inUse(): number {
    return this.#taken.size;
  }

  /** How many are left to be handed out. */
  get available(): bigint {
    const taken = [...this.#taken].filter((value) =>
      contains(this.range, { family: this.range.family, value }),
    );
    return sizeOf(this.range) - BigInt(taken.length);
  }

  /** The subnet's first address after its own: the gateway, where none is chosen. */
  get first(): Ip {
    return addressIn(this.range, sizeOf(this.range) > 2n && this.range.value === this.subnet.value ? 1n : 0n);
  }

  toString(): string {
    return formatPrefix(this.subnet);
  }
}
