import { type ByteString, fromBytes, toBytes } from "./byte-string.ts";
import { invalidTar } from "./tar-header.ts";

/** The records of a pax extended header (POSIX.1-2017, pax): `<length> <key>=<value>\n`, values as bytes. */
export type PaxRecords = Map<ByteString, Uint8Array>;

/** The prefix under which tars of the field keep extended attributes. */
export const xattrPrefix = "SCHILY.xattr.";

/** Parses records; the bytes of values are copied. Throws `invalidArgument`. */
export function parsePax(bytes: Uint8Array): PaxRecords {
  const records: PaxRecords = new Map();
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 ? "" : fromBytes(bytes.subarray(at, Math.min(space, at + 20)));
    if (!/^[1-9]\d{0,9}$/.test(digits)) throw invalidTar("extended header without a length");
    const end = at + Number(digits);
    if (end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a) {
      throw invalidTar("extended header with a wrong length");
    }
    const equals = bytes.indexOf(0x3d, space);
    if (equals < 0 || equals >= end) throw invalidTar("extended header without a key");
    records.set(fromBytes(bytes.subarray(space + 1, equals)), bytes.slice(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** The bytes of records, in the map's order. */
export function formatPax(records: ReadonlyMap<ByteString, Uint8Array>): Buffer {
  const parts: Buffer[] = [];
  for (const [key, value] of records) {
    const rest = key.length + value.length + 3;
    // The length counts its own digits.
    let total = rest + String(rest).length;
    total = rest + String(total).length;
    parts.push(toBytes(`${total} ${key}=`), Buffer.from(value), toBytes("\n"));
  }
  return Buffer.concat(parts);
}

/** Nanoseconds of a time like `1700000000.123456789` or `-1.5`. Throws `invalidArgument`. */
export function parsePaxTime(text: string): bigint {
  const match = /^(-?)(\d{1,18})(?:\.(\d*))?$/.exec(text);
  if (!match) throw invalidTar("extended header with a wrong time");
  const [, sign, seconds = "0", fraction = ""] = match;
  const nanos = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -nanos : nanos;
}

export function formatPaxTime(nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  const seconds = size / 1_000_000_000n;
  const fraction = (size % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  return `${nanos < 0n ? "-" : ""}${seconds}${fraction === "" ? "" : `.${fraction}`}`;
}

/** A whole number of a record (`size`, `uid`, `gid`). Throws `invalidArgument`. */
export function parsePaxNumber(text: string, key: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw invalidTar(`extended header with a wrong ${key}`);
  return value;
}
