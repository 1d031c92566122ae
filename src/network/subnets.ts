import { invalidArgument } from "../base/errors.ts";
import { type Family, maskedPrefix, overlaps, type Prefix, parsePrefix, sizeOf } from "../base/ip.ts";

/** A range of addresses that is cut into subnets of one size. */
export interface SubnetPool {
  base: Prefix;
  /** The prefix length of each subnet. */
  size: number;
}

/** Where the default bridge gets its subnet from, in this order, as in Docker. */
export const bridgePools: readonly SubnetPool[] = [
  ...[17, 18, 19].map((second) => ({ base: parsePrefix(`172.${second}.0.0/16`), size: 16 })),
  ...[20, 24, 28].map((second) => ({ base: parsePrefix(`172.${second}.0.0/14`), size: 16 })),
  { base: parsePrefix("192.168.0.0/16"), size: 20 },
];

/**
 * Where other networks get theirs from. Docker's are as large as the default bridge's, and used up by thirty networks;
 * these have as many addresses as a bridge can have ports, and there are a thousand of them.
 */
export const networkPools: readonly SubnetPool[] = [
  { base: parsePrefix("172.18.0.0/15"), size: 22 },
  ...[20, 24, 28].map((second) => ({ base: parsePrefix(`172.${second}.0.0/14`), size: 22 })),
  { base: parsePrefix("192.168.0.0/16"), size: 22 },
];

/** No pool is searched any further: one of IPv6 may hold more subnets than a daemon can count. */
const searched = 100_000;

function* subnetsOf({ base, size }: SubnetPool): Generator<Prefix> {
  const { family } = base;
  const step = sizeOf({ family, length: size });
  const end = base.value + sizeOf(base);
  let left = searched;
  for (let { value } = base; value < end && left > 0; value += step, left--)
    yield { family, value, length: size };
}

/**
 * The first subnet of `pools` that touches nothing of `taken`: the host's addresses and routes, the other networks.
 * Throws `invalidArgument`.
 */
export function chooseSubnet(taken: readonly Prefix[], pools: readonly SubnetPool[]): Prefix {
  for (const pool of pools) {
    for (const subnet of subnetsOf(pool)) {
      if (!taken.some((other) => overlaps(subnet, other))) return subnet;
    }
  }
  throw invalidArgument(
    "all predefined address pools have been fully subnetted: remove networks that are not used (docker network prune), give this one a --subnet, or add to default-address-pools in daemon.json",
  );
}

/** The configured pools of a family; undefined where none are. */
export function poolsOf(
  { defaultAddressPools = [] }: { defaultAddressPools?: readonly { base: string; size: number }[] },
  family: Family,
): SubnetPool[] | undefined {
  const pools = defaultAddressPools
    .map(({ base, size }) => ({ base: maskedPrefix(parsePrefix(base)), size }))
    .filter(({ base }) => base.family === family);
  return pools.length > 0 ? pools : undefined;
}

/** The subnets of a daemon's own prefix for IPv6 (RFC 4193), whose forty random bits are `random`, in hex. */
export function ulaPool(random: string): SubnetPool {
  return { base: { family: 6, value: BigInt(`0xfd${random}`) << 80n, length: 48 }, size: 64 };
}
