import { invalidArgument } from "../../base/errors.ts";

/** One piece of output: `stream` 1 is standard output, 2 standard error, 3 an error of the daemon. */
export interface Frame {
  readonly stream: number;
  readonly bytes: Uint8Array;
}

/**
 * Takes apart the stream in which the daemon sends output and errors of a container without a terminal: each piece has
 * a header of 8 bytes, of which the first is the stream and the last four its length (big endian). A long piece is
 * passed on in the parts in which it arrives, so that nothing has to be held.
 */
export class Demultiplexer {
  readonly #header = Buffer.alloc(8);
  #headerLength = 0;
  #left = 0;
  #stream = 1;

  /** The pieces in `chunk`, which may begin or end anywhere. Throws when the stream is not of this form. */
  *push(chunk: Uint8Array): Generator<Frame> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const take = Math.min(8 - this.#headerLength, chunk.length - at);
        this.#header.set(chunk.subarray(at, at + take), this.#headerLength);
        this.#headerLength += take;
        at += take;
        if (this.#headerLength < 8) return;
        this.#headerLength = 0;
        this.#stream = this.#header[0] ?? 0;
        this.#left = this.#header.readUInt32BE(4);
        if (this.#stream > 3) throw invalidArgument(`Unrecognized input header: ${this.#stream}`);
        continue;
      }
      const take = Math.min(this.#left, chunk.length - at);
      this.#left -= take;
      yield { stream: this.#stream, bytes: chunk.subarray(at, at + take) };
      at += take;
    }
  }
}
