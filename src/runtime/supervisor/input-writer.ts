import { closeSync } from "node:fs";
import { writeNow } from "../../linux/fd.ts";
import type { Poller } from "../../linux/poller.ts";

/** What may wait for a process that does not read its stdin. */
const highWater = 256 * 1024;

/**
 * The kernel tells of room in a terminal before there is any, and then says nothing more: one has to try again. In
 * milliseconds, doubled each time that nothing could be written.
 */
const terminalRetry = { first: 1, longest: 64 };

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
  #terminal: boolean;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retryAfter = terminalRetry.first;

  /** Owns `fd`, which is the master of a terminal or the writing end of a FIFO. */
  constructor(poller: Poller, fd: number, options: { terminal: boolean }) {
    this.#poller = poller;
    this.#fd = fd;
    this.#terminal = options.terminal;
  }

  /** Takes bytes, in order. What comes after `end`, or after the process closed its stdin, is dropped. */
  write(bytes: Uint8Array): void {
    if (this.#closed || this.#ending) return;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    if (!this.#watch && !this.#retry) this.#flush();
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
          this.#flushLater(count > 0);
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

  #flushLater(progress: boolean): void {
    if (!this.#terminal) {
      this.#watch ??= this.#poller.watch(this.#fd, "write", () => this.#flush());
      return;
    }
    this.#retryAfter = progress ? terminalRetry.first : Math.min(2 * this.#retryAfter, terminalRetry.longest);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#flush(), this.#retryAfter);
  }

  #ignore(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
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
