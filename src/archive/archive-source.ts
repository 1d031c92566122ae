import { closeSync, openSync, readSync } from "node:fs";
import { errnoOf, invalidArgument } from "../base/errors.ts";
import { ToolPipe } from "../linux/tool-pipe.ts";
import { Arrival } from "./arrival.ts";
import { type ArchiveCompression, decompressors, detectCompression, magicLength } from "./compression.ts";
import { openInflater } from "./inflate.ts";

/** The bytes of a tar, whatever it is compressed with. */
export interface ArchiveSource extends Disposable {
  readonly compression: ArchiveCompression;
  /** Bytes of the file read so far. */
  readonly consumed: number;
  /** The uncompressed bytes; each piece is valid until the next. */
  chunks(): Generator<Uint8Array>;
}

const inputSize = 256 * 1024;

/**
 * Opens a file, the first of `paths` that is there, for reading in one pass. `arrival`: the file is still growing, and
 * reading waits for what is to come (so only in a Worker). `programs`: bzip2 and xz, too, by the host's programs; without
 * it throws `invalidArgument` for them, since no layer may have them.
 */
export function openArchive(
  paths: readonly string[],
  {
    arrival,
    programs = false,
  }: { arrival?: SharedArrayBuffer | undefined; programs?: boolean | undefined } = {},
): ArchiveSource {
  return new FileSource(openFirst(paths), arrival && new Arrival(arrival), programs);
}

function openFirst(paths: readonly string[]): number {
  for (const path of paths.slice(0, -1)) {
    try {
      return openSync(path, "r");
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
  return openSync(paths.at(-1) ?? "", "r");
}

class FileSource implements ArchiveSource {
  readonly compression: ArchiveCompression;
  consumed = 0;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(inputSize);
  readonly #arrival: Arrival | undefined;
  readonly #programs: boolean;

  constructor(fd: number, arrival: Arrival | undefined, programs: boolean) {
    this.#arrival = arrival;
    this.#programs = programs;
    this.#fd = fd;
    try {
      this.compression = this.#detect();
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  #detect(): ArchiveCompression {
    let length = 0;
    for (let last = -1; length < magicLength && length !== last; ) {
      last = length;
      length += this.#readAt(length, this.#buffer.subarray(length, magicLength));
    }
    const compression = detectCompression(this.#buffer.subarray(0, length));
    if (!this.#programs && (compression === "bzip2" || compression === "xz")) {
      throw invalidArgument(`layers compressed with ${compression} are not supported`);
    }
    return compression;
  }

  /** Reads at most what is asked for; 0 at the end. */
  #readAt(offset: number, into: Uint8Array): number {
    let length = into.length;
    if (this.#arrival) length = Math.min(length, this.#arrival.waitBeyond(offset) - offset);
    return length <= 0 ? 0 : readSync(this.#fd, into, 0, length, offset);
  }

  *#input(): Generator<Uint8Array> {
    for (;;) {
      const length = this.#readAt(this.consumed, this.#buffer);
      if (length === 0) return;
      this.consumed += length;
      yield this.#buffer.subarray(0, length);
    }
  }

  *chunks(): Generator<Uint8Array> {
    const { compression } = this;
    if (compression === "none") {
      yield* this.#input();
    } else if (compression === "gzip" || compression === "zstd") {
      using inflater = openInflater(compression);
      for (const piece of this.#input()) yield* inflater.push(piece);
      yield* inflater.finish();
    } else {
      using pipe = new ToolPipe(decompressors[compression], this.#fd);
      for (let length = pipe.read(this.#buffer); length > 0; length = pipe.read(this.#buffer)) {
        yield this.#buffer.subarray(0, length);
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
