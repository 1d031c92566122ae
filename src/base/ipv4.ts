import { invalidArgument } from "./errors.ts";

/** An IPv4 address as an unsigned number. */
export type IPv4 = number;

/** A subnet, or an address with its prefix length (`172.17.0.1/16`). */
export interface Cidr {
  address: IPv4;
  prefix: number;
}

/** The address, or undefined when `text` is not four decimal numbers (leading zeros are not taken, as in Go). */
export function parseIPv4(text: string): IPv4 | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}

export function formatIPv4(address: IPv4): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** The four bytes, in network order. */
export function ipv4Bytes(address: IPv4): Uint8Array {
  return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}

export function ipv4FromBytes(bytes: Uint8Array): IPv4 {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}

/** Throws with Go's wording when `text` is not of the form `a.b.c.d/n`. */
export function parseCidr(text: string): Cidr {
  const [address, prefix, ...rest] = text.split("/");
  const number = parseIPv4(address ?? "");
  if (number === undefined || rest.length > 0 || !/^\d{1,2}$/.test(prefix ?? "") || Number(prefix) > 32) {
    throw invalidArgument(`invalid CIDR address: ${text}`);
  }
  return { address: number, prefix: Number(prefix) };
}

export function formatCidr({ address, prefix }: Cidr): string {
  return `${formatIPv4(address)}/${prefix}`;
}

/** How many addresses a prefix leaves. */
export function sizeOf(prefix: number): number {
  return 2 ** (32 - prefix);
}

/** The subnet's own (first) address. */
export function networkOf({ address, prefix }: Cidr): Cidr {
  return { address: address - (address % sizeOf(prefix)), prefix };
}

/** The last address of the subnet. */
export function broadcastOf(cidr: Cidr): IPv4 {
  return networkOf(cidr).address + sizeOf(cidr.prefix) - 1;
}

export function contains(subnet: Cidr, address: IPv4): boolean {
  return networkOf({ address, prefix: subnet.prefix }).address === networkOf(subnet).address;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.prefix <= b.prefix ? contains(a, b.address) : contains(b, a.address);
}
