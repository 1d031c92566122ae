/** The longest piece of a line that is logged as one record; a longer line comes in several. As in Docker. */
export const longestPiece = 16 * 1024;

const newline = 10;

/**
 * Takes whole lines (each with its end), or one piece of a line without an end. The bytes are valid during the call.
 */
export interface LineSink {
  lines(bytes: Uint8Array): void;
  piece(bytes: Uint8Array): void;
}

/**
 * Cuts a stream of bytes into lines. A line without an end stays here until its end comes, until it is `longest`
 * bytes long, or until the stream ends. Long lines are cut between characters, not within.
 */
export class LineSplitter {
  /** Made for the first line that comes in pieces: most streams never bring one. */
  #pending: Buffer | undefined;
  #pendingLength = 0;
  #sink: LineSink;
  #longest: number;

  constructor(sink: LineSink, longest = longestPiece) {
    this.#sink = sink;
    this.#longest = longest;
  }

  /** Bytes of a line whose end has not come yet. */
  get pendingLength(): number {
    return this.#pendingLength;
  }

  /** The beginning of a line whose end has not come yet; a copy. */
  get pending(): Uint8Array {
    return Uint8Array.from(this.#begun);
  }

  get #begun(): Uint8Array {
    return this.#pending?.subarray(0, this.#pendingLength) ?? new Uint8Array();
  }

  write(chunk: Uint8Array): void {
    const bytes =
      this.#pendingLength > 0
        ? Buffer.concat([this.#begun, chunk])
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const rest = this.#emit(bytes);
    if (rest.length > 0) {
      this.#pending ??= Buffer.allocUnsafeSlow(this.#longest);
      rest.copy(this.#pending);
    }
    this.#pendingLength = rest.length;
  }

  /**
   * The stream has ended: what is left is logged without an end, so that `logs` shows what was written, byte by byte.
   */
  end(): void {
    if (this.#pendingLength === 0) return;
    const last = this.pending;
    this.#pendingLength = 0;
    this.#sink.piece(last);
  }

  /** Gives the sink all that can be given, and returns what is left: less than `longest` bytes, without a line end. */
  #emit(bytes: Buffer): Buffer {
    let start = 0;
    let position = 0;
    for (;;) {
      // The last line end within reach: all lines before it are short enough, however many they are.
      const end = lastNewlineWithin(bytes, position, position + this.#longest);
      if (end >= 0) {
        position = end + 1;
        continue;
      }
      if (position > start) this.#sink.lines(bytes.subarray(start, position));
      if (bytes.length - position < this.#longest) return bytes.subarray(position);
      const cut = position + pieceLength(bytes, position, this.#longest);
      this.#sink.piece(bytes.subarray(position, cut));
      start = position = cut;
    }
  }
}

/** The index of the last line end in `[from, to)`, or -1. */
function lastNewlineWithin(bytes: Buffer, from: number, to: number): number {
  if (from >= bytes.length) return -1;
  const index = bytes.lastIndexOf(newline, Math.min(to, bytes.length) - 1);
  return index >= from ? index : -1;
}

/** At most `longest`, less by up to three bytes where it would cut a UTF-8 sequence in two. */
function pieceLength(bytes: Buffer, from: number, longest: number): number {
  for (let back = 0; back <= 3; back++) {
    const next = bytes[from + longest - back];
    // A byte that does not continue a sequence begins a new one, so that the cut may stand before it.
    if (next === undefined || (next & 0xc0) !== 0x80) return longest - back;
  }
  return longest; // not UTF-8
}
