import { notFound } from "../base/errors.ts";
import { type Cidr, overlaps, parseCidr, sizeOf } from "../base/ipv4.ts";

/** A range of addresses that is cut into subnets of one size. */
export interface SubnetPool {
  base: Cidr;
  /** The prefix length of each subnet. */
  size: number;
}

/** Where subnets come from when nothing is configured, in this order, as in Docker. */
export const defaultSubnetPools: readonly SubnetPool[] = [
  ...[17, 18, 19].map((second) => ({ base: parseCidr(`172.${second}.0.0/16`), size: 16 })),
  ...[20, 24, 28].map((second) => ({ base: parseCidr(`172.${second}.0.0/14`), size: 16 })),
  { base: parseCidr("192.168.0.0/16"), size: 20 },
];

function* subnetsOf({ base, size }: SubnetPool): Generator<Cidr> {
  const end = base.address + sizeOf(base.prefix);
  for (let address = base.address; address < end; address += sizeOf(size)) yield { address, prefix: size };
}

/** The first subnet of `pools` that touches nothing of `taken`: the host's addresses and routes, the other networks. */
export function chooseSubnet(
  taken: readonly Cidr[],
  pools: readonly SubnetPool[] = defaultSubnetPools,
): Cidr {
  for (const pool of pools) {
    for (const subnet of subnetsOf(pool)) {
      if (!taken.some((other) => overlaps(subnet, other))) return subnet;
    }
  }
  throw notFound(
    "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
  );
}
