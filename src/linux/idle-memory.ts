/** So long nothing may have been asked before memory is given back, in milliseconds. */
const quietMillis = 2000;
/**
 * So many requests are a burst. Giving back throws compiled code away, which costs the next request 5 to 10 ms: that is
 * not to be paid for each command that somebody types now and then.
 */
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

  /** `giveBack` collects garbage and compiled code, and returns pages to the kernel. */
  constructor(giveBack: () => void = Bun.shrink, quiet: number = quietMillis) {
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
