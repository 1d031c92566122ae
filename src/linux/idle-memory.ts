/** So long nothing may have been asked before memory is given back, in milliseconds. */
const quietMillis = 2000;
/** So many requests are a burst; the few of who types commands leave little behind. */
const burst = 40;

/**
 * Gives back what a burst of requests leaves behind, once, when none has come for two seconds: the engine collects garbage
 * for the sake of new objects, so without new work it would be kept for ever. A request pays for reading a clock, and an
 * idle process is not woken.
 */
export class IdleMemory implements Disposable {
  readonly #giveBack: () => void;
  readonly #quietMillis: number;
  #lastRequest = 0;
  /** Since memory was given back. The code of the start, which is never needed again, counts as a burst. */
  #requests = burst;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * `giveBack` collects garbage, and returns pages to the kernel. Not `Bun.shrink`: it gives back some megabytes more, of
   * compiled code, and the next `exec` takes a third longer for it.
   */
  constructor(giveBack: () => void = () => Bun.gc(true), quiet: number = quietMillis) {
    this.#giveBack = giveBack;
    this.#quietMillis = quiet;
  }

  /** A request has come. */
  requested(): void {
    this.#lastRequest = performance.now();
    if (++this.#requests >= burst) this.#timer ??= this.#lookIn(this.#quietMillis);
  }

  #lookIn(millis: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#look(), millis).unref();
  }

  #look(): void {
    const left = this.#lastRequest + this.#quietMillis - performance.now();
    this.#timer = left > 0 ? this.#lookIn(left) : undefined;
    if (this.#timer) return;
    this.#requests = 0;
    this.#giveBack();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
