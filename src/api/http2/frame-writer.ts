import { frameHeader } from "./frames.ts";

/** A connection: bytes both ways. */
export interface Wire {
  /** The next bytes; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when more can be sent: false when nothing arrives any more. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Cuts it. */
  destroy(): void;
}

/** What may wait to be sent before those who send have to wait. Bytes. */
const highWater = 256 * 1024;

/** Sends frames: those of one turn of the event loop together. */
export class FrameWriter {
  readonly #wire: Wire;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #isBusy = false;
  #waiting: (() => void)[] = [];

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  frame(type: number, flags: number, id: number, payload: Uint8Array): void {
    this.raw(frameHeader(type, flags, id, payload.length));
    if (payload.length > 0) this.raw(payload);
  }

  raw(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    if (this.#isBusy) return;
    this.#isBusy = true;
    setImmediate(() => void this.#send());
  }

  /** Undefined when more can be taken now. */
  get room(): Promise<void> | undefined {
    if (this.#bytes < highWater) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when all is with the kernel. */
  async drained(): Promise<void> {
    while (this.#isBusy) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async #send(): Promise<void> {
    while (this.#bytes > 0) {
      const all = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
      this.#pieces = [];
      this.#bytes = 0;
      // A connection that is gone is told by its end of input.
      if (all !== undefined) await this.#wire.write(all);
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
    this.#isBusy = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
