import { closeSync } from "node:fs";
import { writeNow } from "../../linux/fd.ts";
import type { Poller } from "../../linux/poller.ts";

/** What may wait for a process that does not read its stdin. */
const highWater = 256 * 1024;

/** Writes to a process's stdin (a FIFO or a pty master, non-blocking) without ever waiting for it. */
export class InputWriter {
  #poller: Poller;
  #fd: number;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #watch: Disposable | undefined;
  #ending = false;
  #closed = false;
  #waiting: (() => void)[] = [];

  /** Owns `fd`. */
  constructor(poller: Poller, fd: number) {
    this.#poller = poller;
    this.#fd = fd;
  }

  /** Takes bytes, in order. What comes after `end`, or after the process closed its stdin, is dropped. */
  write(bytes: Uint8Array): void {
    if (this.#closed || this.#ending) return;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    if (!this.#watch) this.#flush();
  }

  /** True when no more should be written for now; `onDrain` tells when it may. */
  get isFull(): boolean {
    return this.#queued >= highWater;
  }

  /** Calls `resume` once, when more may be written. */
  onDrain(resume: () => void): void {
    this.#waiting.push(resume);
  }

  /** Closes the process's stdin after what was written. */
  end(): void {
    this.#ending = true;
    if (this.#queue.length === 0) this.close();
  }

  #flush(): void {
    try {
      for (let head = this.#queue[0]; head; head = this.#queue[0]) {
        const count = writeNow(this.#fd, head);
        this.#queued -= count;
        if (count < head.length) {
          this.#queue[0] = head.subarray(count);
          this.#watch ??= this.#poller.watch(this.#fd, "write", () => this.#flush());
          return;
        }
        this.#queue.shift();
      }
    } catch {
      this.close(); // EPIPE, EIO: the process closed its stdin, nobody will read what is left
    }
    this.#ignore();
    if (this.#ending) this.close();
    this.#drained();
  }

  #ignore(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }

  #drained(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ignore();
    closeSync(this.#fd);
    this.#queue = [];
    this.#queued = 0;
    this.#drained();
  }
}
