import { forbidden, invalidArgument } from "../base/errors.ts";
import { contains, type Family, type Ip, type Prefix, parseIp, parsePrefix } from "../base/ip.ts";
import { AddressPool } from "./address-pool.ts";
import type { SubnetSpec } from "./subnet-specs.ts";

interface Subnet {
  pool: AddressPool;
  gateway: Ip | undefined;
}

/** Throws `forbidden` when two of the addresses that the subnets keep are the same, or one is the subnet's own. */
export function checkKept(specs: readonly SubnetSpec[], network: string): void {
  for (const { subnet, gateway = "", auxiliary = {} } of specs) {
    const prefix = parsePrefix(subnet);
    const pool = new AddressPool({ subnet: prefix, range: prefix, network });
    const keep = (text: string, what: string) => {
      const ip = parseIp(text);
      if (ip && !pool.reserve(ip)) throw forbidden(`failed to allocate ${what}: Address already in use`);
    };
    keep(gateway, `gateway (${gateway})`);
    for (const [name, text] of Object.entries(auxiliary))
      keep(text, `secondary ip address (${name}:${text})`);
  }
}

/** All addresses of a network: a pool a subnet. */
export class NetworkAddresses {
  readonly #subnets: Subnet[];

  /** `network` names it in errors. */
  constructor(specs: readonly SubnetSpec[], network: string) {
    this.#subnets = specs.map(({ subnet, range, gateway, auxiliary = {} }) => {
      const pool = new AddressPool({
        subnet: parsePrefix(subnet),
        range: parsePrefix(range ?? subnet),
        network,
      });
      const own = gateway === undefined ? undefined : parseIp(gateway);
      for (const ip of [own, ...Object.values(auxiliary).map(parseIp)]) if (ip) pool.reserve(ip);
      return { pool, gateway: own };
    });
  }

  /** A free address of the family's first subnet that has one; undefined without subnets of that family. */
  take(family: Family): Prefix | undefined {
    let failure: unknown;
    for (const { pool } of this.#of(family)) {
      try {
        return pool.take();
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  /** A certain address. Throws `forbidden` when it is taken, `invalidArgument` when it belongs to no subnet. */
  claim(ip: Ip): Prefix {
    const subnet = this.#subnets.find(({ pool }) => contains(pool.subnet, ip));
    if (!subnet) throw invalidArgument("requested address is out of range");
    return subnet.pool.claim(ip);
  }

  /** Marks an address as taken, whoever had it; for what runs since before. */
  reserve(ip: Ip): void {
    this.#subnets.find(({ pool }) => contains(pool.subnet, ip))?.pool.reserve(ip);
  }

  free(ip: Ip): void {
    this.#subnets.find(({ pool }) => contains(pool.subnet, ip))?.pool.free(ip);
  }

  /** The gateway of the subnet that `ip` is in. */
  gatewayOf(ip: Ip): Ip | undefined {
    return this.#subnets.find(({ pool }) => contains(pool.subnet, ip))?.gateway;
  }

  /** By subnet: how many addresses are taken, and how many are left. */
  usage(): Record<string, { IPsInUse: number; DynamicIPsAvailable: number }> {
    return Object.fromEntries(
      this.#subnets.map(({ pool }) => [
        String(pool),
        { IPsInUse: pool.inUse, DynamicIPsAvailable: Number(pool.available) },
      ]),
    );
  }

  #of(family: Family): Subnet[] {
    return this.#subnets.filter(({ pool }) => pool.subnet.family === family);
  }
}
