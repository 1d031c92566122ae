import type { Clock } from "../../base/clock.ts";
import { rfc3339Nano } from "../../base/clock.ts";
import type { LogPosition } from "../supervisor/protocol.ts";
import { countRecords } from "./count-records.ts";
import { LineSplitter, longestPiece } from "./lines.ts";
import type { LogDriver, LogProgress, LogStream } from "./log-driver.ts";
import { RotatedFile } from "./rotated-file.ts";
import type { Rotation } from "./rotation.ts";

export interface JsonFileOptions {
  path: string;
  rotation: Rotation;
  attributes?: Record<string, string>;
  /** Bytes of the longest line that is one record; Docker's when absent. */
  longestLine?: number;
  /** Where the log ended when a writer that was killed wrote that down: what it has logged since comes again. */
  noted?: LogPosition;
  clock: Clock;
  /** Told when the log cannot be written (a full disk): lines are lost then, the container goes on. */
  onFailure: (error: unknown) => void;
}

const newline = 10;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Writes Docker's json-file format: a JSON object a line, `{"log":"…\n","stream":"stdout","time":"…"}`. All that was
 * read at once is written at once, with one time.
 */
export class JsonFileLog implements LogDriver {
  readonly isFull = false;
  #file: RotatedFile;
  #streams: Record<LogStream, LineSplitter>;
  #options: JsonFileOptions;
  #failed = false;
  /** How many records that come now are in the file already. */
  #known: Record<LogStream, number> = { stdout: 0, stderr: 0 };

  constructor(options: JsonFileOptions) {
    this.#options = options;
    const { path, rotation, noted } = options;
    this.#file = new RotatedFile(path, rotation, noted ? "drop" : "finish");
    if (noted) this.#known = countRecords(path, rotation.maxFile, noted);
    const attributes = options.attributes ? `,"attrs":${JSON.stringify(options.attributes)}` : "";
    this.#streams = {
      stdout: this.#splitter("stdout", `"stream":"stdout"${attributes},"time":"`),
      stderr: this.#splitter("stderr", `"stream":"stderr"${attributes},"time":"`),
    };
  }

  #splitter(stream: LogStream, fields: string): LineSplitter {
    const suffix = () => `",${fields}${rfc3339Nano(this.#options.clock.nowNanos())}"}\n`;
    const sink = {
      lines: (bytes: Uint8Array) => {
        const fresh = this.#known[stream] > 0 ? this.#dropKnown(stream, bytes) : bytes;
        if (fresh.length > 0) this.#append(encodeLines(decoder.decode(fresh), suffix()));
      },
      piece: (bytes: Uint8Array) => {
        if (this.#known[stream] > 0) this.#known[stream]--;
        else this.#append(encodePiece(decoder.decode(bytes), suffix()));
      },
    };
    return new LineSplitter(sink, this.#options.longestLine ?? longestPiece);
  }

  #dropKnown(stream: LogStream, lines: Uint8Array): Uint8Array {
    let start = 0;
    for (; this.#known[stream] > 0 && start < lines.length; this.#known[stream]--) {
      start = lines.indexOf(newline, start) + 1;
    }
    return lines.subarray(start);
  }

  async ready(): Promise<void> {}

  #append(records: string): void {
    try {
      this.#file.append(Buffer.from(records));
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) this.#options.onFailure(error);
      this.#failed = true;
    }
  }

  /** Logs what was read from a stream. It is in the file when this returns, but for a line without an end. */
  write(stream: LogStream, chunk: Uint8Array): void {
    this.#streams[stream].write(chunk);
  }

  /** A stream has ended: a line without an end is written too. */
  end(stream: LogStream): void {
    this.#streams[stream].end();
  }

  /** The end of what is in the file, and the beginnings of lines that are not yet. */
  snapshot(): { position: LogPosition; pending: Record<LogStream, Uint8Array> } {
    return {
      position: this.#file.position,
      pending: { stdout: this.#streams.stdout.pending, stderr: this.#streams.stderr.pending },
    };
  }

  progress(): LogProgress {
    const { stdout, stderr } = this.#streams;
    const pending = { stdout: stdout.pendingLength, stderr: stderr.pendingLength };
    return { position: this.#file.position, pending };
  }

  close(): void {
    this.#file.close();
  }
}

const prefix = '{"log":"';

/** `text` is whole lines. One JSON encoding for all of them is many times faster than one for each. */
function encodeLines(text: string, suffix: string): string {
  const between = `\\n${suffix}${prefix}`;
  if (text.includes("\\")) {
    // Here an encoded `\n` may be a backslash and an n: line by line.
    const lines = text.split("\n");
    lines.pop();
    const encoded = lines.map((line) => JSON.stringify(line).slice(1, -1)).join(between);
    return `${prefix}${encoded}\\n${suffix}`;
  }
  const encoded = JSON.stringify(text).slice(1, -3);
  return `${prefix}${encoded.split("\\n").join(between)}\\n${suffix}`;
}

function encodePiece(text: string, suffix: string): string {
  return prefix + JSON.stringify(text).slice(1, -1) + suffix;
}
