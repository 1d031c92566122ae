import { randomBytes } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { LineSplitter } from "./lines.ts";
import type { LogStream } from "./log-driver.ts";

/** A line, or a piece of a long one, for a driver that takes them one by one. */
export interface LogMessage {
  stream: LogStream;
  /** Without its end; valid during the call. */
  line: Uint8Array;
  /** Nanoseconds since 1970. */
  time: bigint;
  /** Of a line that comes in pieces: the same id in all, numbered from 1. */
  partial?: { id: string; ordinal: number; last: boolean };
}

const newline = 10;
const idBytes = 32;

/** Cuts one stream into messages. */
export class MessageSplitter {
  #stream: LogStream;
  #clock: Clock;
  #take: (message: LogMessage) => void;
  #splitter: LineSplitter;
  #partial: { id: string; ordinal: number } | undefined;

  constructor(stream: LogStream, clock: Clock, take: (message: LogMessage) => void) {
    this.#stream = stream;
    this.#clock = clock;
    this.#take = take;
    this.#splitter = new LineSplitter({
      lines: (bytes) => this.#lines(bytes),
      piece: (bytes) => this.#message(bytes, false),
    });
  }

  write(chunk: Uint8Array): void {
    this.#splitter.write(chunk);
  }

  end(): void {
    this.#splitter.end();
  }

  #lines(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(newline, start);
      this.#message(bytes.subarray(start, end), true);
      start = end + 1;
    }
  }

  #message(line: Uint8Array, isEnd: boolean): void {
    const partial = this.#next(isEnd);
    const time = this.#clock.nowNanos();
    this.#take({ stream: this.#stream, line, time, ...(partial ? { partial } : {}) });
  }

  #next(last: boolean): LogMessage["partial"] {
    if (!this.#partial && last) return undefined;
    this.#partial ??= { id: randomBytes(idBytes).toString("hex"), ordinal: 0 };
    const partial = { id: this.#partial.id, ordinal: ++this.#partial.ordinal, last };
    if (last) this.#partial = undefined;
    return partial;
  }
}
