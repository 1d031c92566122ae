import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

let count = 0;

/** A queue of bytes on disk, for a client that reads slower than a container writes. It has no name. */
export class Spool implements Disposable {
  #fd: number;
  #start = 0;
  #end = 0;

  /** Makes the file in `directory`. */
  constructor(directory: string) {
    const path = join(directory, `.spool-${process.pid}-${count++}`);
    this.#fd = openSync(path, "wx+", 0o600);
    rmSync(path);
  }

  /** How many bytes are in it. */
  get size(): number {
    return this.#end - this.#start;
  }

  append(bytes: Uint8Array): void {
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(this.#fd, bytes, written, bytes.length - written, this.#end + written);
    }
    this.#end += bytes.length;
  }

  /** Takes out up to `most` bytes, the oldest. */
  take(most: number): Buffer {
    const bytes = Buffer.alloc(Math.min(most, this.size));
    const length = readSync(this.#fd, bytes, 0, bytes.length, this.#start);
    this.#start += length;
    if (this.#start === this.#end) {
      ftruncateSync(this.#fd);
      this.#start = this.#end = 0;
    }
    return bytes.subarray(0, length);
  }

  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }
}
