import { invalidArgument } from "./errors.ts";

export type Family = 4 | 6;

/** An IP address as an unsigned number. */
export interface Ip {
  family: Family;
  value: bigint;
}

/** A subnet, or an address with the length of its prefix (`172.17.0.1/16`). */
export interface Prefix extends Ip {
  length: number;
}

/** How many bits an address has. */
export const bitsOf = (family: Family) => (family === 4 ? 32 : 128);

/** The address, or undefined when `text` is none (leading zeros and zones are not taken, as in Go's netip). */
export function parseIp(text: string): Ip | undefined {
  const family = text.includes(":") ? 6 : 4;
  const value = family === 4 ? parseV4(text) : parseV6(text);
  return value === undefined ? undefined : { family, value };
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return BigInt(value);
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half, at) => groupsOf(half, at === halves.length - 1) ?? [""]);
  const given = head.length + tail.length;
  if (halves.length === 2 ? given > 7 : given !== 8) return undefined;
  const groups = [...head, ...Array<string>(8 - given).fill("0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** The groups between the colons; an IPv4 address may be the last two. */
function groupsOf(half: string, last: boolean): string[] | undefined {
  if (half === "") return [];
  const groups = half.split(":");
  if (!last || !groups.at(-1)?.includes(".")) return groups;
  const v4 = parseV4(groups.pop() ?? "");
  if (v4 === undefined) return undefined;
  return [...groups, (v4 >> 16n).toString(16), (v4 & 0xffffn).toString(16)];
}

/** The text of an address, for IPv6 as RFC 5952 has it. */
export function formatIp({ family, value }: Ip): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((value >> BigInt(112 - 16 * at)) & 0xffffn).toString(16),
  );
  // The first of the longest runs of two zeros or more is left out.
  const runs = [
    ...groups
      .map((group) => (group === "0" ? "z" : "x"))
      .join("")
      .matchAll(/z{2,}/g),
  ];
  const longest = runs.toSorted((x, y) => y[0].length - x[0].length)[0];
  if (!longest) return groups.join(":");
  const end = longest.index + longest[0].length;
  return `${groups.slice(0, longest.index).join(":")}::${groups.slice(end).join(":")}`;
}

/** The bytes in network order: 4 or 16. */
export function ipBytes({ family, value }: Ip): Uint8Array {
  const hex = value.toString(16).padStart(bitsOf(family) / 4, "0");
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

/** From 4 or 16 bytes. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  return {
    family: bytes.length === 4 ? 4 : 6,
    value: BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`),
  };
}

/** The prefix, or undefined when `text` is not of the form `address/length`. */
export function tryParsePrefix(text: string): Prefix | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const ip = parseIp(address);
  if (!ip || rest.length > 0 || !/^(?:0|[1-9]\d{0,2})$/.test(length)) return undefined;
  return Number(length) <= bitsOf(ip.family) ? { ...ip, length: Number(length) } : undefined;
}

/** Throws with Go's wording when `text` is not of the form `address/length`. */
export function parsePrefix(text: string): Prefix {
  const prefix = tryParsePrefix(text);
  if (!prefix) throw invalidArgument(`invalid CIDR address: ${text}`);
  return prefix;
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatIp(prefix)}/${prefix.length}`;
}

/** How many addresses a prefix has. */
export function sizeOf({ family, length }: Pick<Prefix, "family" | "length">): bigint {
  return 1n << BigInt(bitsOf(family) - length);
}

/** The prefix with its first address. */
export function maskedPrefix({ family, value, length }: Prefix): Prefix {
  const size = sizeOf({ family, length });
  return { family, value: value - (value % size), length };
}

/** The last address: for IPv4 the one for broadcasts. */
export function lastOf(prefix: Prefix): Ip {
  return { family: prefix.family, value: maskedPrefix(prefix).value + sizeOf(prefix) - 1n };
}

/** The address `offset` steps after the prefix' first one. */
export function addressIn(prefix: Prefix, offset: bigint): Ip {
  return { family: prefix.family, value: maskedPrefix(prefix).value + offset };
}

export function contains(subnet: Prefix, { family, value }: Ip): boolean {
  if (family !== subnet.family) return false;
  return maskedPrefix({ family, value, length: subnet.length }).value === maskedPrefix(subnet).value;
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? contains(a, b) : contains(b, a);
}

export const sameIp = (a: Ip, b: Ip) => a.family === b.family && a.value === b.value;
