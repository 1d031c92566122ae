import type { Socket } from "node:net";
import { Spool } from "./spool.ts";

/** What may wait in memory for a client. */
const highWater = 1024 * 1024;
/** How long a client that reads slowly may hold the container up, before what it has not read goes to disk. */
const patience = 1000;
/** What may wait on disk for a client; after that, the container has to wait for it. */
const spoolLimit = 128 * 1024 * 1024;
/** A client that has read nothing for so long, with its spool full, is given up. */
const lostAfter = 5 * 60_000;
const piece = 256 * 1024;

export interface AttachedClientOptions {
  stdout: boolean;
  stderr: boolean;
  /** Where a spool may be made. */
  spoolDirectory: string;
  /** True when nobody may be made to wait for this client: there are others, or the process has ended. */
  inHurry: () => boolean;
  /** The client does not hold anybody up any more. */
  onUnblocked: () => void;
}

/**
 * Output on its way to one attached client. A client that is a little slow slows the container down, as a pipe does.
 * One that stands still, or that others would have to wait for, gets its output through a file instead.
 */
export class AttachedClient {
  readonly stdout: boolean;
  readonly stderr: boolean;
  #socket: Socket;
  #options: AttachedClientOptions;
  #spool: Spool | undefined;
  #waitingSince: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #finished = false;

  constructor(socket: Socket, options: AttachedClientOptions) {
    this.#socket = socket;
    this.#options = options;
    this.stdout = options.stdout;
    this.stderr = options.stderr;
    socket.on("drain", () => this.#drained());
    socket.on("close", () => this.#closed());
  }

  /** Sends `bytes`, which must not change afterwards. */
  send(bytes: Uint8Array): void {
    if (this.#socket.destroyed) return;
    try {
      if (this.#spool) this.#spool.append(bytes);
      else if (this.#isFull && this.#mayNotWait) this.#openSpool().append(bytes);
      else this.#socket.write(bytes);
    } catch {
      // No room for its spool: better to lose this client than to go on with a gap in its stream.
      this.#socket.destroy();
    }
    if (this.#isFull) this.#startWaiting();
  }

  get #isFull(): boolean {
    return this.#socket.writableLength >= highWater;
  }

  get #mayNotWait(): boolean {
    return this.#options.inHurry() || this.#waited >= patience;
  }

  get #waited(): number {
    return this.#waitingSince === undefined ? 0 : performance.now() - this.#waitingSince;
  }

  /** True while no more may be read from the container. */
  get blocked(): boolean {
    if (this.#spool) return this.#spool.size >= spoolLimit && !this.#options.inHurry();
    return this.#isFull && !this.#mayNotWait;
  }

  #startWaiting(): void {
    if (this.#waitingSince !== undefined) return;
    this.#waitingSince = performance.now();
    this.#timer = setTimeout(() => this.#waitedLong(), patience);
  }

  #stopWaiting(): void {
    this.#waitingSince = undefined;
    clearTimeout(this.#timer);
  }

  #waitedLong(): void {
    if (this.#waited >= lostAfter && (this.#spool?.size ?? 0) >= spoolLimit) {
      this.#socket.destroy();
      return;
    }
    this.#options.onUnblocked();
    this.#timer = setTimeout(() => this.#waitedLong(), lostAfter);
  }

  #openSpool(): Spool {
    this.#spool = new Spool(this.#options.spoolDirectory);
    return this.#spool;
  }

  /** The socket has taken all that it was given. */
  #drained(): void {
    this.#stopWaiting();
    while (this.#spool && !this.#isFull) {
      this.#socket.write(this.#spool.take(piece));
      if (this.#spool.size > 0) continue;
      this.#spool[Symbol.dispose]();
      this.#spool = undefined;
    }
    if (this.#isFull) this.#startWaiting();
    if (this.#finished && !this.#spool) this.#socket.end();
    if (!this.blocked) this.#options.onUnblocked();
  }

  /** Ends the stream after all that was sent. */
  finish(): void {
    this.#finished = true;
    if (!this.#spool) this.#socket.end();
  }

  #closed(): void {
    this.#stopWaiting();
    this.#spool?.[Symbol.dispose]();
    this.#spool = undefined;
    this.#options.onUnblocked();
  }
}
