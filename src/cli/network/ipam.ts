import type { IPAMConfig } from "../../api/networks.ts";
import { invalidArgument } from "../../base/errors.ts";
import { contains, overlaps, parseIp, tryParsePrefix } from "../../base/ip.ts";

/** What the flags of `network create` say of addresses. */
export interface IpamFlags {
  readonly subnet: readonly string[];
  readonly "ip-range": readonly string[];
  readonly gateway: readonly string[];
  readonly "aux-address": ReadonlyMap<string, string>;
}

function isIn(subnet: string, text: string): boolean {
  const outer = tryParsePrefix(subnet);
  const prefix = tryParsePrefix(text);
  const ip = prefix ?? parseIp(text);
  return outer !== undefined && ip !== undefined && contains(outer, ip);
}

/** Joins ranges, gateways and auxiliary addresses with their subnets. Throws `invalidArgument`, as Docker's client. */
export function ipamConfigs(flags: IpamFlags): IPAMConfig[] {
  const { subnet: subnets, "ip-range": ranges, gateway: gateways } = flags;
  if (subnets.length < ranges.length || subnets.length < gateways.length) {
    throw invalidArgument("every ip-range or gateway must have a corresponding subnet");
  }
  const prefixes = subnets.map(tryParsePrefix);
  for (const [at, prefix] of prefixes.entries()) {
    if (prefix && prefixes.slice(0, at).some((other) => other && overlaps(other, prefix))) {
      throw invalidArgument("multiple overlapping subnet configuration is not supported");
    }
  }
  const configs = new Map<string, IPAMConfig>(subnets.map((Subnet) => [Subnet, { Subnet }]));
  const configOf = (text: string, what: string) => {
    const found = [...configs.values()].find(({ Subnet = "" }) => isIn(Subnet, text));
    if (!found) throw invalidArgument(`no matching subnet for ${what} ${text}`);
    return found;
  };
  for (const range of ranges) {
    const config = configOf(range, "range");
    if (config.IPRange) {
      throw invalidArgument(
        `cannot configure multiple ranges (${range}, ${config.IPRange}) on the same subnet (${config.Subnet})`,
      );
    }
    config.IPRange = range;
  }
  for (const gateway of gateways) {
    const config = configOf(gateway, "gateway");
    if (config.Gateway) {
      throw invalidArgument(
        `cannot configure multiple gateways (${gateway}, ${config.Gateway}) for the same subnet (${config.Subnet})`,
      );
    }
    config.Gateway = gateway;
  }
  for (const [name, address] of flags["aux-address"]) {
    const config = configOf(address, "aux-address");
    config.AuxiliaryAddresses = { ...config.AuxiliaryAddresses, [name]: address };
  }
  return [...configs.values()];
}
