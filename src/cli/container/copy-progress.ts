import { humanSize } from "../../base/units.ts";
import type { Output } from "../streams.ts";

const tickMillis = 75;
const codes = { save: "\x1b[s", restore: "\x1b[u", erase: "\x1b[2K", hide: "\x1b[?25l", show: "\x1b[?25h" };

/** Three significant digits, as `cp` shows sizes. */
const size = (bytes: number) => humanSize(bytes, 3);

/** The line of `cp` on a terminal that counts the bytes, and the one that is left when it is done. */
export class CopyProgress implements Disposable {
  readonly #out: Output;
  readonly #quiet: boolean;
  #timer: ReturnType<typeof setInterval> | undefined;
  #bytes = 0;

  /** `header`: what the line begins with. `quiet`: nothing is shown at all. */
  constructor(out: Output, header: string, quiet: boolean) {
    this.#out = out;
    this.#quiet = quiet;
    if (quiet || !out.isTerminal) return;
    const draw = () => out.write(codes.restore + codes.erase + header + size(this.#bytes));
    out.write(`${codes.save}Preparing to copy...${codes.hide}`);
    draw();
    let drawn = 0;
    this.#timer = setInterval(() => {
      if (drawn === this.#bytes) return;
      drawn = this.#bytes;
      draw();
    }, tickMillis);
  }

  /** Passes the pieces on, and counts them. */
  async *count(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.#bytes += piece.length;
      yield piece;
    }
  }

  /** The last line. Said of a copy that failed as well, with what had been copied by then. */
  done(target: string): void {
    this[Symbol.dispose]();
    if (!this.#quiet) this.#out.write(`Successfully copied ${size(this.#bytes)} to ${target}\n`);
  }

  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#out.write(codes.show + codes.restore + codes.erase);
  }
}
