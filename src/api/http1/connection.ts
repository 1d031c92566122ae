/** What this needs of a connected socket; Bun's sockets fit. `write` returns how many bytes were taken. */
export interface RawSocket {
  write(bytes: Uint8Array): number;
  /** Half-closes the writing side. */
  shutdown(): void;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** Unread input at which the socket is paused, and at which it is resumed. Bytes. */
const highWater = 256 * 1024;
const lowWater = 64 * 1024;

/**
 * One byte stream in both directions with back-pressure: the owner of the socket feeds it (`onData`, `onEnd`,
 * `onDrain`, `onClose`), one reader pulls, writers wait for their turn. The input may end while the output goes on.
 */
export class Connection {
  readonly #socket: RawSocket;
  #input: Uint8Array[] = [];
  #unread = 0;
  #paused = false;
  #inputEnded = false;
  #closed = false;
  #wakeReader: (() => void) | undefined;
  #output: Uint8Array[] = [];
  #wakeWriters: (() => void)[] = [];
  #shutdownAfterOutput = false;
  #closeAfterOutput = false;
  #onClosed: (() => void)[] = [];
  #onInputEnded: (() => void) | undefined;
  /** Why the connection failed, where its owner knows. */
  failure: string | undefined;

  constructor(socket: RawSocket) {
    this.#socket = socket;
  }

  /** True when the connection is gone in both directions. */
  get closed(): boolean {
    return this.#closed;
  }

  /** True when the other side has half-closed, or is gone. */
  get inputEnded(): boolean {
    return this.#inputEnded;
  }

  /** Calls `listener` once when the connection is gone; at once if it is gone already. */
  whenClosed(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClosed.push(listener);
  }

  /** True when bytes have come that nobody has read yet. */
  get hasInput(): boolean {
    return this.#unread > 0;
  }

  /** Sets the one listener for the end of the input (undefined: none). */
  set onInputEnd(listener: (() => void) | undefined) {
    this.#onInputEnded = listener;
    if (listener && this.#inputEnded) listener();
  }

  onData(bytes: Uint8Array): void {
    this.#input.push(bytes);
    this.#unread += bytes.length;
    if (this.#unread >= highWater && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#wake();
  }

  onEnd(): void {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    this.#wake();
    this.#onInputEnded?.();
  }

  onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onEnd();
    this.#output = [];
    this.#releaseWriters();
    for (const listener of this.#onClosed.splice(0)) listener();
  }

  onDrain(): void {
    while (this.#output.length > 0) {
      const next = this.#output[0] as Uint8Array;
      const taken = Math.max(0, this.#socket.write(next));
      if (taken < next.length) {
        this.#output[0] = next.subarray(taken);
        return;
      }
      this.#output.shift();
    }
    this.#releaseWriters();
    if (this.#closeAfterOutput) this.#socket.end();
    else if (this.#shutdownAfterOutput) this.#socket.shutdown();
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }

  #releaseWriters(): void {
    for (const wake of this.#wakeWriters.splice(0)) wake();
  }

  /** The next bytes, whatever size they have; undefined at the end of the input. One reader at a time. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const next = this.readNow();
      if (next || this.#inputEnded) return next;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** As `read`, without waiting: undefined when nothing is there. */
  readNow(): Uint8Array | undefined {
    const next = this.#input.shift();
    if (!next) return undefined;
    this.#unread -= next.length;
    if (this.#paused && this.#unread <= lowWater) {
      this.#paused = false;
      this.#socket.resume();
    }
    return next;
  }

  /** Puts bytes back, to be read first. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#input.unshift(bytes);
    this.#unread += bytes.length;
  }

  /**
   * Sends `bytes`, which must not be changed afterwards. Resolves when they are with the kernel (which is the time to
   * send more): true, or false when the connection is gone. Never rejects.
   */
  async write(bytes: Uint8Array | string): Promise<boolean> {
    if (this.#closed || this.#closeAfterOutput || this.#shutdownAfterOutput) return false;
    const data = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    if (data.length === 0) return true;
    if (this.#output.length === 0) {
      const taken = Math.max(0, this.#socket.write(data));
      if (taken === data.length) return true;
      this.#output.push(data.subarray(taken));
    } else {
      this.#output.push(data);
    }
    await new Promise<void>((resolve) => this.#wakeWriters.push(resolve));
    return !this.#closed;
  }

  /** Half-closes after what was written: the other side sees the end, and may go on sending. */
  closeWrite(): void {
    if (this.#closed || this.#shutdownAfterOutput) return;
    this.#shutdownAfterOutput = true;
    if (this.#output.length === 0) this.#socket.shutdown();
  }

  /** Closes after what was written. */
  close(): void {
    if (this.#closed || this.#closeAfterOutput) return;
    this.#closeAfterOutput = true;
    if (this.#output.length === 0) this.#socket.end();
  }

  /**
   * Says that nothing more comes, and throws away what the other side still sends, until it closes or `millis` have
   * passed: a socket that is closed with unread bytes resets the connection, and the last answer can be lost with it.
   */
  async closeAfterInput(millis: number): Promise<void> {
    this.closeWrite();
    const timer = setTimeout(() => this.destroy(), millis);
    while (await this.read());
    clearTimeout(timer);
    this.close();
  }

  /** Cuts the connection now. */
  destroy(): void {
    if (this.#closed) return;
    this.#socket.terminate();
    this.onClose();
  }
}
