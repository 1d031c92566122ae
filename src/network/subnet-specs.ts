import type { IPAMConfig } from "../api/networks.ts";
import { invalidArgument } from "../base/errors.ts";
import {
  addressIn,
  contains,
  formatIp,
  formatPrefix,
  maskedPrefix,
  overlaps,
  type Prefix,
  parseIp,
  parsePrefix,
  sizeOf,
  tryParsePrefix,
} from "../base/ip.ts";

/** One subnet of a network. Addresses and prefixes are texts in their standard form. */
export interface SubnetSpec {
  subnet: string;
  /** The part of it that containers get addresses from. */
  range?: string;
  gateway?: string;
  /** Addresses that are kept for others, by name. */
  auxiliary?: Record<string, string>;
  /** What a plugin calls it that has chosen it. */
  pool?: string;
  /** Somebody asked for it: only then containers may ask for addresses of it. */
  asked: boolean;
}

/** Checks the subnets of a request; what is wrong with any of them is told at once. Throws `invalidArgument`. */
export function checkSubnets(configs: readonly IPAMConfig[], ipv6: boolean): SubnetSpec[] {
  const wrong: string[] = [];
  const found = configs
    .filter((config) => Object.values(config).some((value) => value !== undefined && value !== ""))
    .flatMap((config) => checkSubnet(config, ipv6, wrong));
  const prefixes = found.map(({ subnet }) => parsePrefix(subnet));
  prefixes.forEach((prefix, at) => {
    const other = prefixes.slice(0, at).find((one) => overlaps(one, prefix));
    if (other) wrong.push(`subnet ${formatPrefix(prefix)} overlaps with subnet ${formatPrefix(other)}`);
  });
  if (wrong.length > 0) throw invalidArgument(`invalid network config:\n${joined(wrong)}`);
  return found;
}

/** Several errors as Docker lists them. */
export function joined(errors: readonly string[]): string {
  return errors.length === 1 ? (errors[0] ?? "") : errors.map((error) => `* ${error}`).join("\n");
}

function checkSubnet(config: IPAMConfig, ipv6: boolean, wrong: string[]): SubnetSpec[] {
  const { Subnet = "", IPRange = "", Gateway = "", AuxiliaryAddresses = {} } = config;
  const subnet = tryParsePrefix(Subnet);
  if (!subnet) {
    wrong.push(`invalid subnet ${Subnet}: invalid CIDR block notation`);
    return [];
  }
  if (subnet.family === 6 && !ipv6) return [];
  const masked = formatPrefix(maskedPrefix(subnet));
  if (formatPrefix(subnet) !== masked) wrong.push(`invalid subnet ${Subnet}: it should be ${masked}`);
  wrong.push(...rangeErrors(IPRange, subnet));
  const check = (text: string, what: string) => {
    const error = text === "" ? undefined : addressError(text, subnet);
    if (error !== undefined) wrong.push(`invalid ${what}: ${error}`);
  };
  check(Gateway, `gateway ${Gateway}`);
  for (const [name, address] of Object.entries(AuxiliaryAddresses))
    check(address, `auxiliary address ${name}`);
  return [
    {
      subnet: masked,
      asked: true,
      ...(IPRange !== "" && { range: IPRange }),
      ...(Gateway !== "" && { gateway: Gateway }),
      ...(Object.keys(AuxiliaryAddresses).length > 0 && { auxiliary: AuxiliaryAddresses }),
    },
  ];
}

function rangeErrors(text: string, subnet: Prefix): string[] {
  if (text === "") return [];
  const range = tryParsePrefix(text);
  const error = (why: string) => `invalid ip-range ${text}: ${why}`;
  if (!range) return [error("invalid CIDR block notation")];
  if (range.family !== subnet.family) return [error(`parent subnet is an IPv${subnet.family} block`)];
  const parent = formatPrefix(subnet);
  const masked = formatPrefix(maskedPrefix(range));
  return [
    ...(range.length < subnet.length ? [error(`CIDR block is bigger than its parent subnet ${parent}`)] : []),
    ...(formatPrefix(range) === masked ? [] : [error(`it should be ${masked}`)]),
    ...(overlaps(range, subnet) ? [] : [error(`parent subnet ${parent} doesn't contain ip-range`)]),
  ];
}

function addressError(text: string, subnet: Prefix): string | undefined {
  const address = parseIp(text);
  if (!address) return "invalid address";
  if (address.family !== subnet.family) return `parent subnet is an IPv${subnet.family} block`;
  if (contains(subnet, address)) return undefined;
  return `parent subnet ${formatPrefix(subnet)} doesn't contain this address`;
}

/**
 * The subnet with a gateway: its first address after its own, or the first of its range, where none was asked for. A link
 * between two points has no address of its own.
 */
export function withGateway(spec: SubnetSpec): SubnetSpec {
  if (spec.gateway !== undefined) return spec;
  const base = parsePrefix(spec.range ?? spec.subnet);
  const subnet = parsePrefix(spec.subnet);
  const atStart = base.value === subnet.value && sizeOf(subnet) > 2n;
  return { ...spec, gateway: formatIp(addressIn(base, atStart ? 1n : 0n)) };
}
