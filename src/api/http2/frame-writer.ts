import { flags, frameHeader, frameTypes, leastMaxFrame } from "./frames.ts";

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
  /** The frame of content that was written last, as long as it can become longer. */
  #open: { id: number; header: Buffer; length: number } | undefined;
  #isBusy = false;
  #waiting: (() => void)[] = [];

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  frame(type: number, flag: number, id: number, payload: Uint8Array): void {
    if (type === frameTypes.data && this.#extend(flag, id, payload)) return;
    const header = frameHeader(type, flag, id, payload.length);
    this.raw(header);
    if (payload.length > 0) this.raw(payload);
    const isOpen = type === frameTypes.data && (flag & flags.endStream) === 0;
    if (isOpen) this.#open = { id, header, length: payload.length };
  }

  /** Small messages one after another go in one frame: what a frame costs both sides is more than what they do. */
  #extend(flag: number, id: number, payload: Uint8Array): boolean {
    const open = this.#open;
    if (open === undefined || open.id !== id || open.length + payload.length > leastMaxFrame) return false;
    this.raw(payload);
    open.length += payload.length;
    frameHeader(frameTypes.data, flag, id, open.length).copy(open.header);
    if ((flag & flags.endStream) === 0) this.#open = open;
    return true;
  }

  raw(bytes: Uint8Array): void {
    this.#open = undefined;
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
      this.#open = undefined;
      this.#bytes = 0;
      // A connection that is gone is told by its end of input.
      if (all !== undefined) await this.#wire.write(all);
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
    this.#isBusy = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
