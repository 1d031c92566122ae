import { queryEscape } from "../base/query-escape.ts";
import type { LogRecord } from "../runtime/logs/record.ts";
import { frame } from "./stdcopy.ts";

export interface LogFormat {
  /** Plain bytes instead of frames: the container has a terminal. */
  tty: boolean;
  timestamps?: boolean;
  /** With the labels and variables that the log was asked to hold. */
  details?: boolean;
}

/** The longest payload of a frame, in bytes, but for a line that is longer. */
const longestFrame = 64 * 1024;

/**
 * Turns records into what a client gets. Lines that follow one another in one stream share a frame: a client needs ten
 * times as long for a frame a line. What stands before a line is written once, however many pieces it was logged in.
 */
export class LogFrames {
  readonly #format: LogFormat;
  /** By stream: the last record was a piece of a line that goes on. */
  readonly #within = { stdout: false, stderr: false };

  constructor(format: LogFormat) {
    this.#format = format;
  }

  encode(records: readonly LogRecord[]): Uint8Array {
    const pieces: { stream: LogRecord["stream"]; text: string }[] = [];
    for (const record of records) {
      const { stream } = record;
      const text = this.#textOf(record);
      const last = pieces.at(-1);
      if (
        last &&
        (last.stream === stream || this.#format.tty) &&
        last.text.length + text.length <= longestFrame
      ) {
        last.text += text;
      } else {
        pieces.push({ stream, text });
      }
    }
    const encoded = pieces.map(({ stream, text }) =>
      this.#format.tty ? Buffer.from(text) : frame(stream, text),
    );
    return encoded.length === 1 && encoded[0] ? encoded[0] : Buffer.concat(encoded);
  }

  #textOf(record: LogRecord): string {
    const { stream, text } = record;
    const prefix = this.#prefixOf(record);
    if (prefix === "") return text;
    const begin = this.#within[stream] ? "" : prefix;
    this.#within[stream] = !text.endsWith("\n");
    if (this.#within[stream]) return begin + text.replaceAll("\n", `\n${prefix}`);
    return `${begin}${text.slice(0, -1).replaceAll("\n", `\n${prefix}`)}\n`;
  }

  #prefixOf(record: LogRecord): string {
    const { timestamps, details } = this.#format;
    return `${timestamps ? `${record.time} ` : ""}${details ? detailsOf(record) : ""}`;
  }
}

function detailsOf(record: LogRecord): string {
  const pairs = Object.entries(record.attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const encoded = pairs.map((pair) => pair.map(queryEscape).join("="));
  return `${encoded.join(",")} `;
}
