import { closeSync, fstatSync, openSync, readFileSync, readSync, renameSync, writeSync } from "node:fs";
import { errnoOf, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";

/** Bytes that each of the two files may have: some thousand events. */
const defaultCapacity = 1024 * 1024;
const lineFeed = 0x0a;

/**
 * The last events, a line each, kept over the end of the daemon: what is appended survives `kill -9`. When the file is
 * full it becomes `<path>.1`, in the place of the one before. What cannot be written (the disk is full) is missing
 * from the history, and only there.
 */
export class EventJournal implements Disposable {
  readonly #path: string;
  readonly #log: Logger;
  readonly #capacity: number;
  #fd: number;
  #size: number;
  #failing = false;

  constructor(path: string, log: Logger, capacity = defaultCapacity) {
    this.#path = path;
    this.#log = log;
    this.#capacity = capacity;
    this.#fd = openSync(path, "a+", 0o600);
    this.#size = fstatSync(this.#fd).size;
    this.#endTornLine();
  }

  /** A power failure may have cut the last line. */
  #endTornLine(): void {
    const last = Buffer.alloc(1);
    if (this.#size === 0 || readSync(this.#fd, last, 0, 1, this.#size - 1) === 0) return;
    if (last[0] !== lineFeed) this.#write("\n");
  }

  /** `line` is without its end. */
  append(line: string): void {
    try {
      if (this.#size >= this.#capacity) this.#turnOver();
      this.#write(`${line}\n`);
      this.#failing = false;
    } catch (error) {
      // Once, not for each event.
      if (!this.#failing) this.#log.warn("events cannot be kept", { error: messageOf(error) });
      this.#failing = true;
    }
  }

  #write(text: string): void {
    this.#size += writeSync(this.#fd, text);
  }

  #turnOver(): void {
    renameSync(this.#path, `${this.#path}.1`);
    const next = openSync(this.#path, "a+", 0o600);
    closeSync(this.#fd);
    this.#fd = next;
    this.#size = 0;
  }

  /** All lines that are kept, the oldest first. */
  lines(): string[] {
    const text = readIfThere(`${this.#path}.1`) + readIfThere(this.#path);
    return text.split("\n").filter((line) => line !== "");
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  }
}
