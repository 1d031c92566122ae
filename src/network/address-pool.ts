import { unavailable } from "../base/errors.ts";
import { broadcastOf, type Cidr, type IPv4, networkOf } from "../base/ipv4.ts";

/** The addresses of one network: who has one has it alone until it gives it back. */
export class AddressPool {
  readonly #subnet: Cidr;
  readonly #range: Cidr;
  readonly #network: string;
  readonly #taken = new Set<IPv4>();

  /** Addresses are handed out from `range`, a part of `subnet`; `network` names it in errors. */
  constructor(subnet: Cidr, range: Cidr, network: string) {
    this.#subnet = subnet;
    this.#range = range;
    this.#network = network;
    this.#taken.add(networkOf(subnet).address).add(broadcastOf(subnet));
  }

  /** Marks an address as taken; false when it was already. */
  reserve(address: IPv4): boolean {
    if (this.#taken.has(address)) return false;
    this.#taken.add(address);
    return true;
  }

  /** The lowest free address, with the subnet's prefix length. */
  take(): Cidr {
    const last = broadcastOf(this.#range);
    for (let address = networkOf(this.#range).address; address <= last; address++) {
      if (this.reserve(address)) return { address, prefix: this.#subnet.prefix };
    }
    throw unavailable(`no available IPv4 addresses on this network's address pools: ${this.#network}`);
  }

  free(address: IPv4): void {
    this.#taken.delete(address);
  }

  /** How many are taken, the subnet's own two and the gateway among them. */
  get inUse(): number {
    return this.#taken.size;
  }
}
