import { invalidArgument } from "../base/errors.ts";
import { type ByteString, fromBytes } from "./byte-string.ts";

/** Tar comes in blocks of 512 bytes. */
export const blockSize = 512;

/**
 * The fields of one header block, as they stand there (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual).
 */
export interface RawHeader {
  name: ByteString;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Seconds. */
  mtime: number;
  typeflag: string;
  linkname: ByteString;
  uname: ByteString;
  gname: ByteString;
  devMajor: number;
  devMinor: number;
}

export const invalidTar = (what: string, cause?: unknown) =>
  invalidArgument(`archive/tar: invalid tar header: ${what}`, cause);

/** Bytes up to the first NUL. */
function text(block: Uint8Array, at: number, length: number): ByteString {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return fromBytes(end < 0 ? field : field.subarray(0, end));
}

/** A number: octal digits, or, with the highest bit set, big-endian two's complement (GNU). */
function number(block: Uint8Array, at: number, length: number, what: string): number {
  const first = block[at] ?? 0;
  if (first & 0x80) return binary(block.subarray(at, at + length), what);
  const digits = text(block, at, length).replace(/^[ ]+|[ ]+$/g, "");
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw invalidTar(`${what} is not a number`);
  return Number.parseInt(digits, 8);
}

function binary(field: Uint8Array, what: string): number {
  const negative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = negative ? -1n : 0n;
  for (const [index, byte] of field.entries()) {
    const low = index === 0 ? (negative ? byte | 0x80 : byte & 0x7f) : byte;
    value = index === 0 && negative ? BigInt(low) - 256n : (value << 8n) | BigInt(low);
  }
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw invalidTar(`${what} is out of range`);
  return result;
}

const checksumAt = 148;
const checksumLength = 8;

/** The sum of the block's bytes, with those of the checksum itself as spaces; `signed` as some old tars counted. */
export function checksum(block: Uint8Array, signed = false): number {
  let sum = 0;
  for (let at = 0; at < blockSize; at++) {
    const byte = at >= checksumAt && at < checksumAt + checksumLength ? 0x20 : (block[at] ?? 0);
    sum += signed && byte > 127 ? byte - 256 : byte;
  }
  return sum;
}

/** True for a block of zeros, which ends an archive. */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let at = 0; at < blockSize; at++) if (block[at] !== 0) return false;
  return true;
}

/** True for the first block of an archive (ustar, pax, GNU). */
export function isTar(block: Uint8Array): boolean {
  return block.length === blockSize && text(block, 257, 5) === "ustar";
}

/** Reads one header block. Throws `invalidArgument` when it is none. */
export function parseHeader(block: Uint8Array): RawHeader {
  const sum = number(block, checksumAt, checksumLength, "checksum");
  if (sum !== checksum(block) && sum !== checksum(block, true)) throw invalidTar("checksum does not match");
  const magic = text(block, 257, 6);
  const isPosix = magic === "ustar";
  const hasOwnerNames = magic.startsWith("ustar");
  const prefix = isPosix ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: number(block, 100, 8, "mode"),
    uid: number(block, 108, 8, "uid"),
    gid: number(block, 116, 8, "gid"),
    size: number(block, 124, 12, "size"),
    mtime: number(block, 136, 12, "mtime"),
    typeflag: String.fromCharCode(block[156] ?? 0),
    linkname: text(block, 157, 100),
    uname: hasOwnerNames ? text(block, 265, 32) : "",
    gname: hasOwnerNames ? text(block, 297, 32) : "",
    devMajor: hasOwnerNames ? number(block, 329, 8, "devmajor") : 0,
    devMinor: hasOwnerNames ? number(block, 337, 8, "devminor") : 0,
  };
}
