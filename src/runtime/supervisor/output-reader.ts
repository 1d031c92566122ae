import { closeSync } from "node:fs";
import { readNow } from "../../linux/fd.ts";
import type { Poller } from "../../linux/poller.ts";

/** One buffer for all readers, as large as their pipes: what was read is used up before the next read. */
const buffer = Buffer.alloc(256 * 1024);
/** So much is read from one process before others get their turn. */
const readsInTurn = 4;
const terminalRetry = 100;

export interface OutputReaderOptions {
  poller: Poller;
  /** The reading end of a FIFO, or a pty master; non-blocking. It is closed at the end. */
  fd: number;
  terminal: boolean;
  /** Reads into `buffer` as `readNow` does, which is meant when this is absent. */
  read?: (buffer: Uint8Array) => number | undefined;
  /** Takes bytes, which are valid during the call. Returns false when it can take no more for now. */
  onData: (chunk: Uint8Array) => boolean;
  onEnd: () => void;
}

/** Reads what a process writes, until nobody has the other end open any more. */
export class OutputReader {
  #options: OutputReaderOptions;
  #watch: Disposable | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #paused = false;
  #closed = false;
  #processEnded = false;

  constructor(options: OutputReaderOptions) {
    this.#options = options;
    this.#listen();
  }

  #listen(): void {
    if (this.#closed || this.#paused || this.#watch) return;
    this.#watch = this.#options.poller.watch(this.#options.fd, "read", () => this.#read());
  }

  #ignore(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }

  #read(): void {
    for (let turn = 0; turn < readsInTurn && !this.#paused && !this.#closed; turn++) {
      const count = this.#readOnce();
      if (count === undefined) return;
      if (count === 0) {
        this.#endOrRetry();
        return;
      }
      if (!this.#options.onData(buffer.subarray(0, count))) this.#pause();
    }
  }

  #readOnce(): number | undefined {
    const { read, fd } = this.#options;
    try {
      return read ? read(buffer) : readNow(fd, buffer);
    } catch {
      return 0; // EIO: nobody has the terminal's other side open
    }
  }

  /** A terminal that nobody has open may be opened again as long as the process lives (`/dev/console`). */
  #endOrRetry(): void {
    if (!this.#options.terminal || this.#processEnded) {
      this.close();
      this.#options.onEnd();
      return;
    }
    this.#ignore();
    this.#retry = setTimeout(() => this.#listen(), terminalRetry);
  }

  #pause(): void {
    this.#paused = true;
    this.#ignore();
  }

  /** Something can be read that the poller does not know of. */
  readNow(): void {
    this.#read();
  }

  /** The consumer can take more. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#listen();
  }

  /** The process has ended: what is left is read, and then a terminal's end is its end. */
  processEnded(): void {
    this.#processEnded = true;
    clearTimeout(this.#retry);
    this.#listen();
    this.#read();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#ignore();
    closeSync(this.#options.fd);
  }
}
