import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { internal } from "../base/errors.ts";
import { comparePaths, isWithin } from "../base/path-order.ts";
import { openScratchFile } from "../linux/scratch-file.ts";
import { decodeRecord, type ListedFile, lengthSize, pathOf, recordLength } from "./file-record.ts";

/** What is read, or written, at once. Bytes. */
const blockSize = 64 * 1024;
/** One path of so many bytes of the list is kept in memory, to find others by. */
const indexStep = 32 * 1024;

/**
 * The files of a tree, in a file on the disk: it takes as much memory with a million files as with a hundred. They are in
 * the order of `comparePaths`, which is that of a walk, so that two of them, or one and a walk, are compared by going through
 * both at the same time. Synchronous.
 */
export class FileList implements Disposable {
  readonly #fd: number;
  #size: number;
  /** What was appended last, and is not in the file yet. */
  readonly #pending = Buffer.alloc(blockSize);
  #pendingLength = 0;
  #index: { path: string; offset: number }[] | undefined;

  private constructor(fd: number) {
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  /** One that is there. */
  static open(path: string): FileList {
    return new FileList(openSync(path, "r"));
  }

  static create(path: string): FileList {
    return new FileList(openSync(path, "w+", 0o600));
  }

  /** One that nobody opens a second time, on the file system of `folder`. */
  static scratch(folder: string): FileList {
    return new FileList(openScratchFile(folder));
  }

  /** Bytes of its records. */
  get size(): number {
    return this.#size;
  }

  /** Adds a record, or some, which come after all others; returns where they are. */
  append(record: Uint8Array): number {
    if (this.#pendingLength + record.length > blockSize) this.flush();
    const offset = this.#size;
    this.#pending.set(record, this.#pendingLength);
    this.#pendingLength += record.length;
    this.#size += record.length;
    return offset;
  }

  /** Adds what `other` has in its first `end` bytes. */
  appendFrom(other: FileList, end: number): void {
    const block = Buffer.alloc(blockSize);
    for (let at = 0; at < end; ) {
      const length = readSync(other.#fd, block, 0, Math.min(blockSize, end - at), at);
      if (length === 0) throw internal("a list of files is cut off");
      this.append(block.subarray(0, length));
      at += length;
    }
  }

  /** Writes over a part of a record. */
  overwrite(offset: number, bytes: Uint8Array): void {
    const begun = this.#size - this.#pendingLength;
    if (offset >= begun) this.#pending.set(bytes, offset - begun);
    else writeAll(this.#fd, bytes, offset);
  }

  /** What was added is in the file. */
  flush(): void {
    if (this.#pendingLength === 0) return;
    writeAll(this.#fd, this.#pending.subarray(0, this.#pendingLength), this.#size - this.#pendingLength);
    this.#pendingLength = 0;
  }

  /** To go through the records from `offset` on. */
  from(offset = 0): ListCursor {
    return new ListCursor((into, at) => {
      if (at + into.length > this.#size - this.#pendingLength) this.flush();
      return readSync(this.#fd, into, 0, into.length, at);
    }, offset);
  }

  /** The first record that is `path` or comes after it. */
  seek(path: string): ListCursor {
    const cursor = this.from(this.#before(path));
    while (cursor.record !== undefined && comparePaths(cursor.path, path) < 0) cursor.next();
    return cursor;
  }

  /** What is known of `path`. */
  find(path: string): ListedFile | undefined {
    const { record } = this.seek(path);
    return record !== undefined && pathOf(record) === path ? decodeRecord(record) : undefined;
  }

  /** Hands over `folder` and all below it, to `use`: each record is valid until the next. The empty path means all. */
  each(folder: string, use: (record: Buffer) => void): void {
    const cursor = folder === "" ? this.from() : this.seek(folder);
    for (; cursor.record !== undefined && isWithin(cursor.path, folder); cursor.next()) use(cursor.record);
  }

  /** The offset of a record that is not after `path`, not long before it. */
  #before(path: string): number {
    this.#index ??= this.#makeIndex();
    let [low, high] = [0, this.#index.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const { path: there = "" } = this.#index[middle] ?? {};
      if (comparePaths(there, path) <= 0) low = middle + 1;
      else high = middle;
    }
    return this.#index[low - 1]?.offset ?? 0;
  }

  #makeIndex(): { path: string; offset: number }[] {
    const index = [];
    const cursor = this.from();
    for (let next = 0; cursor.record !== undefined; cursor.next()) {
      if (cursor.offset < next) continue;
      index.push({ path: cursor.path, offset: cursor.offset });
      next = cursor.offset + indexStep;
    }
    return index;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** Goes through the records of a list. Throws `internal` for what is none. */
export class ListCursor {
  readonly #read: (into: Buffer, at: number) => number;
  readonly #block = Buffer.alloc(blockSize);
  #blockOffset: number;
  #blockLength = 0;
  #at = 0;
  #record: Buffer | undefined;
  #path: string | undefined;

  constructor(read: (into: Buffer, at: number) => number, offset: number) {
    this.#read = read;
    this.#blockOffset = offset;
    this.#load();
  }

  /** Where it is; valid until the next call. Undefined at the end. */
  get record(): Buffer | undefined {
    return this.#record;
  }

  /** Of the record; "" at the end. */
  get path(): string {
    if (this.#record === undefined) return "";
    this.#path ??= pathOf(this.#record);
    return this.#path;
  }

  get offset(): number {
    return this.#blockOffset + this.#at;
  }

  next(): void {
    this.#at += this.#record?.length ?? 0;
    this.#load();
  }

  #load(): void {
    this.#path = undefined;
    this.#record = undefined;
    if (!this.#has(lengthSize)) return;
    const length = recordLength(this.#block, this.#at);
    if (length === undefined || !this.#has(length)) throw internal("a list of files is damaged");
    this.#record = this.#block.subarray(this.#at, this.#at + length);
  }

  /** True when the block has `bytes` from here on; reads on where it does not. */
  #has(bytes: number): boolean {
    if (this.#at + bytes <= this.#blockLength) return true;
    this.#blockOffset += this.#at;
    this.#at = 0;
    this.#blockLength = 0;
    while (this.#blockLength < blockSize) {
      const into = this.#block.subarray(this.#blockLength);
      const length = this.#read(into, this.#blockOffset + this.#blockLength);
      if (length === 0) break;
      this.#blockLength += length;
    }
    return bytes <= this.#blockLength;
  }
}

function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, offset + at);
}
