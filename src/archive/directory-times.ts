import { closeSync, readSync, writeSync } from "node:fs";
import { internal } from "../base/errors.ts";
import { openScratchFile } from "../linux/scratch-file.ts";
import { type ByteString, toBytes } from "./byte-string.ts";

/** So many are kept in memory. */
const most = 4096;
/** Of a record: the length of the path (4 bytes), the time (8); then the path. */
const headSize = 12;

/**
 * The times that directories are to have once nothing is made in them any more. What an archive with endless directories
 * has of them goes to a file without a name.
 */
export class DirectoryTimes implements Disposable {
  readonly #folder: string;
  #last = new Map<ByteString, bigint>();
  #file: number | undefined;

  /** `folder`: on whose file system that file is. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Nanoseconds since 1970; the last one of a path counts. */
  set(path: ByteString, time: bigint): void {
    this.#last.set(path, time);
    if (this.#last.size >= most) this.#spill();
  }

  /** All that was set, the last one of a path last; some may not be directories any more. */
  *all(): Generator<[path: ByteString, time: bigint]> {
    if (this.#file !== undefined) yield* spilled(this.#file);
    yield* this.#last;
  }

  #spill(): void {
    this.#file ??= openScratchFile(this.#folder);
    const pieces = [...this.#last].flatMap(([path, time]) => {
      const head = Buffer.alloc(headSize);
      const bytes = toBytes(path);
      head.writeUInt32LE(bytes.length);
      head.writeBigInt64LE(time, 4);
      return [head, bytes];
    });
    const all = Buffer.concat(pieces);
    for (let at = 0; at < all.length; ) at += writeSync(this.#file, all, at);
    this.#last = new Map();
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}

function* spilled(fd: number): Generator<[path: ByteString, time: bigint]> {
  const head = Buffer.alloc(headSize);
  for (let at = 0; readSync(fd, head, 0, headSize, at) === headSize; ) {
    const path = Buffer.alloc(head.readUInt32LE());
    if (readSync(fd, path, 0, path.length, at + headSize) < path.length)
      throw internal("a scratch file is cut off");
    yield [path.toString("latin1"), head.readBigInt64LE(4)];
    at += headSize + path.length;
  }
}
