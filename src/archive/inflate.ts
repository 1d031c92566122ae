import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { invalidArgument } from "../base/errors.ts";
import { Igzip } from "../linux/igzip.ts";

/** What node's zlib classes have inside: the streams that everybody uses are wrapped round it. */
export interface ZlibHandle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  close(): void;
  onerror: (message: string, number: number, code: string) => void;
}

/** The first byte of a gzip member (RFC 1952). */
const gzipMagic = 0x1f;
const outputSize = 1024 * 1024;

/**
 * What follows a finished stream: zeros may pad it, as gzip(1) has it. Throws `invalidArgument` for anything else, which
 * Go's reader refuses: others must not read more in a layer than we do.
 */
function checkPadding(rest: Uint8Array): void {
  if (rest.some((byte) => byte !== 0)) throw invalidArgument("incorrect header check");
}

/** Decompresses synchronously, piece by piece with bounded memory. */
export interface Inflater extends Disposable {
  /** What `input` gives. Each piece is valid until the next is asked for. Throws `invalidArgument` on corrupt data. */
  push(input: Uint8Array): Generator<Uint8Array>;
  /** To be called after the last input. Throws `invalidArgument` (`unexpected end of file`) when data was cut off. */
  finish(): Iterable<Uint8Array>;
}

/** `withIgzip`: by ISA-L where that is installed. */
export function openInflater(kind: "gzip" | "zstd", withIgzip = true): Inflater {
  const igzip = kind === "gzip" && withIgzip ? Igzip.open() : undefined;
  return igzip ? new IgzipInflater(igzip) : new ZlibInflater(kind);
}

class IgzipInflater implements Inflater {
  readonly #igzip: Igzip;
  readonly #output = new Uint8Array(outputSize);
  /** `between`: a member is over, and another may follow. */
  #at: "inside" | "between" | "end" = "inside";

  constructor(igzip: Igzip) {
    this.#igzip = igzip;
  }

  *push(input: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < input.length; ) {
      if (this.#at === "between") {
        this.#at = input[at] === gzipMagic ? "inside" : "end";
        if (this.#at === "inside") this.#igzip.begin();
      }
      if (this.#at === "end") return checkPadding(input.subarray(at));
      // What is made of the last bytes may not all have had room.
      for (let full = true; full && this.#at === "inside"; ) {
        const { used, made, finished, failure } = this.#igzip.step(input.subarray(at), this.#output);
        if (failure !== undefined) throw invalidArgument(failure);
        if (used + made === 0 && !finished && at < input.length) throw invalidArgument("invalid data");
        at += used;
        full = made === outputSize;
        if (finished) this.#at = "between";
        if (made > 0) yield this.#output.subarray(0, made);
      }
    }
  }

  finish(): Iterable<Uint8Array> {
    if (this.#at === "inside") throw invalidArgument("unexpected end of file");
    return [];
  }

  [Symbol.dispose](): void {
    // Its memory is the runtime's.
  }
}

/**
 * node:zlib has synchronous decompression piece by piece only as streams (asynchronous, and
 * on the two threads that all file access shares) or for a whole buffer, so this drives the handle below the stream;
 * the runtime is pinned, and inflate.test.ts would notice.
 */
class ZlibInflater implements Inflater {
  readonly #handle: ZlibHandle;
  /** Room left in the output, input left. */
  readonly #state: Uint32Array;
  readonly #output = new Uint8Array(outputSize);
  readonly #finish: number;
  #failure: string | undefined;
  #ended = false;

  constructor(kind: "gzip" | "zstd") {
    const stream: unknown =
      kind === "gzip"
        ? createGunzip()
        : createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: 27 } });
    const inside = stream as { _handle: ZlibHandle; _writeState: Uint32Array };
    this.#handle = inside._handle;
    this.#state = inside._writeState;
    this.#finish = kind === "gzip" ? constants.Z_FINISH : constants.ZSTD_e_end;
    this.#handle.onerror = (message) => {
      this.#failure = message;
    };
  }

  *push(input: Uint8Array): Generator<Uint8Array> {
    if (this.#ended) return checkPadding(input);
    let at = 0;
    for (;;) {
      const left = input.length - at;
      const made = this.#write(0, input, at);
      const used = left - (this.#state[1] ?? 0);
      at += used;
      if (made > 0) yield this.#output.subarray(0, made);
      if (made < outputSize) {
        // What the decoder leaves is no part of the stream.
        this.#ended = at < input.length;
        return checkPadding(input.subarray(at));
      }
    }
  }

  *finish(): Generator<Uint8Array> {
    if (this.#ended) return;
    const made = this.#write(this.#finish, new Uint8Array(0), 0);
    if (made > 0) yield this.#output.subarray(0, made);
  }

  #write(flush: number, input: Uint8Array, at: number): number {
    this.#handle.writeSync(flush, input, at, input.length - at, this.#output, 0, outputSize);
    if (this.#failure !== undefined) throw invalidArgument(this.#failure);
    return outputSize - (this.#state[0] ?? 0);
  }

  [Symbol.dispose](): void {
    this.#handle.close();
  }
}
