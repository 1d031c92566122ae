import { invalidArgument } from "../base/errors.ts";
import { type ByteString, fromBytes } from "./byte-string.ts";
import { type PaxRecords, parsePax, parsePaxNumber, parsePaxTime, xattrPrefix } from "./pax.ts";
import type { EntryType, TarEntry } from "./tar-entry.ts";
import { blockSize, invalidTar, isZeroBlock, parseHeader, type RawHeader } from "./tar-header.ts";

/**
 * What an archive consists of: for each member an `entry`, then its content in pieces, then `end`. A piece is a view of
 * the chunk that was pushed: it is valid until the next push.
 */
export type TarEvent =
  | { kind: "entry"; entry: TarEntry }
  | { kind: "data"; bytes: Uint8Array }
  | { kind: "end" };

/**
 * Extended headers and long names come before anything is known of them, so they are bounded (Go has the same limit).
 */
const maxMetaSize = 1024 * 1024;

const types: Readonly<Record<string, EntryType>> = {
  "\0": "file",
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file",
};

/**
 * Reads tar in the formats v7, ustar, pax and GNU from chunks of any size. Pure: no I/O, no clock. Sparse files are
 * refused. Where headers contradict one another they mean what they mean to Go's archive/tar, or are refused: an archive
 * that others read as other files (CVE-2025-62518) is one that nobody has looked through. Errors are `invalidArgument`.
 */
export class TarDecoder {
  #partial = new Uint8Array(blockSize);
  #partialLength = 0;
  /** Bytes of the content or meta data of the current member that are still to come, and of the padding after it. */
  #remaining = 0;
  #padding = 0;
  #inEntry = false;
  #meta: { typeflag: string; bytes: Uint8Array; filled: number } | undefined;
  #pax: PaxRecords = new Map();
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;
  #zeroBlocks = 0;

  /** True once a block of zeros has been seen, of which two end an archive; what follows them is ignored. */
  get ended(): boolean {
    return this.#zeroBlocks > 0;
  }

  /** The events that `chunk` completes. The generator has to be run to its end before the next push. */
  *push(chunk: Uint8Array): Generator<TarEvent> {
    let at = 0;
    while (at < chunk.length && this.#zeroBlocks < 2) {
      if (this.#remaining > 0) {
        const piece = chunk.subarray(at, at + Math.min(this.#remaining, chunk.length - at));
        at += piece.length;
        yield* this.#content(piece);
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, chunk.length - at);
        this.#padding -= skipped;
        at += skipped;
      } else {
        const piece = chunk.subarray(at, at + blockSize - this.#partialLength);
        at += piece.length;
        yield* this.#block(piece);
      }
    }
  }

  /**
   * To be called after the last chunk. An archive without its closing zeros is accepted, as every tar does, and without
   * those after the last content, too: Docker's client sends a build's context so. One that breaks off inside a member
   * is not (`unexpected EOF`).
   */
  finish(): void {
    const started = this.#remaining > 0 || this.#partialLength > 0 || this.#hasMeta();
    if (!this.ended && started) throw invalidArgument("unexpected EOF");
  }

  #hasMeta(): boolean {
    return this.#pax.size > 0 || this.#longName !== undefined || this.#longLink !== undefined;
  }

  *#content(piece: Uint8Array): Generator<TarEvent> {
    this.#remaining -= piece.length;
    if (this.#meta) {
      this.#meta.bytes.set(piece, this.#meta.filled);
      this.#meta.filled += piece.length;
      if (this.#remaining === 0) this.#takeMeta(this.#meta);
    } else if (this.#inEntry) {
      yield { kind: "data", bytes: piece };
      if (this.#remaining === 0) yield this.#endEntry();
    }
  }

  *#block(piece: Uint8Array): Generator<TarEvent> {
    let block = piece;
    if (piece.length < blockSize) {
      this.#partial.set(piece, this.#partialLength);
      this.#partialLength += piece.length;
      if (this.#partialLength < blockSize) return;
      this.#partialLength = 0;
      block = this.#partial;
    }
    if (isZeroBlock(block)) {
      if (this.#hasMeta()) throw invalidTar("extended header without a member");
      this.#zeroBlocks++;
      return;
    }
    if (this.#zeroBlocks > 0) throw invalidTar("a block of zeros alone");
    const raw = parseHeader(block);
    if (raw.size < 0) throw invalidTar("negative size");
    if ("xgLK".includes(raw.typeflag)) this.#startMeta(raw);
    else yield* this.#startEntry(raw);
  }

  #startMeta(raw: RawHeader): void {
    if (raw.size > maxMetaSize) throw invalidTar(`extended header of ${raw.size} bytes`);
    this.#expect(raw.size);
    this.#meta = { typeflag: raw.typeflag, bytes: new Uint8Array(raw.size), filled: 0 };
    if (raw.size === 0) this.#takeMeta(this.#meta);
  }

  #takeMeta({ typeflag, bytes }: { typeflag: string; bytes: Uint8Array }): void {
    this.#meta = undefined;
    if (typeflag === "x") this.#pax = parsePax(bytes);
    if (typeflag === "L") this.#longName = upToNul(bytes);
    if (typeflag === "K") this.#longLink = upToNul(bytes);
    // "g": what git archive writes, a comment; records for all members are used by nobody, and ignored as Docker does.
  }

  #expect(size: number): void {
    this.#remaining = size;
    this.#padding = (blockSize - (size % blockSize)) % blockSize;
  }

  #endEntry(): TarEvent {
    this.#inEntry = false;
    return { kind: "end" };
  }

  *#startEntry(raw: RawHeader): Generator<TarEvent> {
    const entry = this.#toEntry(raw);
    this.#pax = new Map();
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#expect(entry.size);
    this.#inEntry = true;
    yield { kind: "entry", entry };
    if (entry.size === 0) yield this.#endEntry();
  }

  #toEntry(raw: RawHeader): TarEntry {
    const pax = this.#pax;
    const has = (key: string): string | undefined => {
      const value = pax.get(key);
      return value === undefined || value.length === 0 ? undefined : fromBytes(value);
    };
    if (raw.typeflag === "S" || [...pax.keys()].some((key) => key.startsWith("GNU.sparse."))) {
      throw invalidArgument("archive/tar: sparse files are not supported");
    }
    const name = this.#longName ?? has("path") ?? raw.name;
    const linkname = this.#longLink ?? has("linkpath") ?? raw.linkname;
    if (name === "" || name.includes("\0") || linkname.includes("\0")) throw invalidTar("wrong name");
    const type = types[raw.typeflag] === "file" && name.endsWith("/") ? "directory" : types[raw.typeflag];
    if (type === undefined) throw invalidTar(`type ${JSON.stringify(raw.typeflag)} is not known`);
    const paxSize = has("size");
    const size = paxSize === undefined ? raw.size : parsePaxNumber(paxSize, "size");
    // With other types a size stands for nothing; here others would take it for that of a file.
    if (type === "directory" && raw.typeflag !== "5" && size > 0)
      throw invalidTar("a directory with content");
    const [uid, gid, mtime] = [has("uid"), has("gid"), has("mtime")];
    return {
      name,
      type,
      size: type === "file" ? size : 0,
      mode: raw.mode & 0o7777,
      uid: checkId(uid === undefined ? raw.uid : parsePaxNumber(uid, "uid"), "uid"),
      gid: checkId(gid === undefined ? raw.gid : parsePaxNumber(gid, "gid"), "gid"),
      uname: has("uname") ?? raw.uname,
      gname: has("gname") ?? raw.gname,
      mtime: mtime === undefined ? BigInt(raw.mtime) * 1_000_000_000n : parsePaxTime(mtime),
      linkname: type === "hardlink" || type === "symlink" ? linkname : "",
      devMajor: type === "char" || type === "block" ? raw.devMajor : 0,
      devMinor: type === "char" || type === "block" ? raw.devMinor : 0,
      xattrs: xattrsOf(pax),
    };
  }
}

/** An id that the kernel takes; 2^32-1 means "leave as it is" there. */
function checkId(id: number, what: string): number {
  if (id < 0 || id >= 0xffff_ffff) throw invalidTar(`${what} is out of range`);
  return id;
}

function upToNul(bytes: Uint8Array): ByteString {
  const end = bytes.indexOf(0);
  return fromBytes(end < 0 ? bytes : bytes.subarray(0, end));
}

function xattrsOf(pax: PaxRecords): Map<ByteString, Uint8Array> {
  const xattrs = new Map<ByteString, Uint8Array>();
  for (const [key, value] of pax) {
    if (!key.startsWith(xattrPrefix)) continue;
    const name = key.slice(xattrPrefix.length);
    if (name === "" || name.includes("\0")) throw invalidTar("wrong name of an extended attribute");
    xattrs.set(name, value);
  }
  return xattrs;
}
