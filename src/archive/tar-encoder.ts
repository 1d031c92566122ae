import { type ByteString, toBytes } from "./byte-string.ts";
import { formatPax, formatPaxTime, xattrPrefix } from "./pax.ts";
import type { EntryType, TarEntry } from "./tar-entry.ts";
import { blockSize, checksum } from "./tar-header.ts";

const typeflags: Readonly<Record<EntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

const maxName = 100;
const maxPrefix = 155;
const max7Octal = 0o7777777;
const max11Octal = 0o77777777777;
const isAscii = (text: ByteString) => /^[ -~]*$/.test(text);

/**
 * The header of one member: ustar where that can hold it, with a pax extended header before it where it cannot (as Go's
 * archive/tar chooses). The same entry always gives the same bytes. The content and its `padding` have to follow.
 */
export function encodeHeader(entry: TarEntry): Buffer {
  const records = paxRecords(entry);
  const header = encodeBlock(entry, typeflags[entry.type]);
  if (records.size === 0) return header;
  const content = formatPax(records);
  const meta: TarEntry = { ...entry, name: paxName(entry.name), linkname: "", size: content.length, mode: 0 };
  const plain: TarEntry = {
    ...meta,
    uid: 0,
    gid: 0,
    uname: "",
    gname: "",
    mtime: 0n,
    devMajor: 0,
    devMinor: 0,
  };
  return Buffer.concat([encodeBlock(plain, "x"), content, padding(content.length), header]);
}

/** The zeros that follow `size` bytes of content. */
export function padding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}

/** The two blocks of zeros that end an archive. */
export function endOfArchive(): Buffer {
  return Buffer.alloc(2 * blockSize);
}

/** The name of the extended header's own member, for tars that do not know it: ASCII, and short enough. */
function paxName(name: ByteString): ByteString {
  const base = name.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return `PaxHeaders.0/${base.replace(/[^\x20-\x7e]/g, "_").slice(0, 80)}`;
}

function paxRecords(entry: TarEntry): Map<ByteString, Uint8Array> {
  const records = new Map<ByteString, Uint8Array>();
  const set = (key: string, value: string) => records.set(key, toBytes(value));
  if (splitName(entry.name) === undefined) set("path", entry.name);
  if (entry.linkname.length > maxName || !isAscii(entry.linkname)) set("linkpath", entry.linkname);
  if (entry.size > max11Octal) set("size", String(entry.size));
  if (entry.uid > max7Octal) set("uid", String(entry.uid));
  if (entry.gid > max7Octal) set("gid", String(entry.gid));
  if (!isShortText(entry.uname)) set("uname", entry.uname);
  if (!isShortText(entry.gname)) set("gname", entry.gname);
  const seconds = entry.mtime / 1_000_000_000n;
  if (entry.mtime % 1_000_000_000n !== 0n || entry.mtime < 0n || seconds > BigInt(max11Octal)) {
    set("mtime", formatPaxTime(entry.mtime));
  }
  for (const key of [...entry.xattrs.keys()].sort()) {
    records.set(xattrPrefix + key, entry.xattrs.get(key) ?? new Uint8Array());
  }
  return new Map([...records].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const isShortText = (text: ByteString) => text.length < 32 && isAscii(text);

/** `[prefix, name]` when ustar can hold the name, else undefined. */
function splitName(name: ByteString): [string, string] | undefined {
  if (!isAscii(name)) return undefined;
  if (name.length <= maxName) return ["", name];
  // The slash between the two is not stored; the name must not become empty.
  for (let at = name.indexOf("/"); at >= 0 && at <= maxPrefix; at = name.indexOf("/", at + 1)) {
    const rest = name.length - at - 1;
    if (at > 0 && rest > 0 && rest <= maxName) return [name.slice(0, at), name.slice(at + 1)];
  }
  return undefined;
}

function encodeBlock(entry: TarEntry, typeflag: string): Buffer {
  const block = Buffer.alloc(blockSize);
  const text = (value: ByteString, at: number, length: number) =>
    block.write(value.slice(0, length), at, "latin1");
  const octal = (value: number, at: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  const [prefix, name] = splitName(entry.name) ?? ["", entry.name];
  const seconds = entry.mtime < 0n ? 0 : Number(entry.mtime / 1_000_000_000n);
  text(name, 0, maxName);
  octal(entry.mode & 0o7777, 100, 8);
  octal(within(entry.uid, max7Octal), 108, 8);
  octal(within(entry.gid, max7Octal), 116, 8);
  octal(within(entry.size, max11Octal), 124, 12);
  octal(within(seconds, max11Octal), 136, 12);
  text(typeflag, 156, 1);
  text(entry.linkname, 157, maxName);
  text("ustar\0", 257, 6);
  text("00", 263, 2);
  if (isShortText(entry.uname)) text(entry.uname, 265, 32);
  if (isShortText(entry.gname)) text(entry.gname, 297, 32);
  octal(within(entry.devMajor, max7Octal), 329, 8);
  octal(within(entry.devMinor, max7Octal), 337, 8);
  text(prefix, 345, maxPrefix);
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** What does not fit stands in the extended header, and 0 here. */
function within(value: number, max: number): number {
  return value <= max ? value : 0;
}
