import type { Logger } from "../base/log.ts";
import type { Sandbox, Sandboxes } from "./sandboxes.ts";

/** How long after one was taken the next is made: when the container is on its way, so as not to be in its way. */
const refillMillis = 10;

/** Sandboxes made ahead, so that a start does not wait for the kernel to make one. */
export class SandboxPool {
  readonly #sandboxes: Sandboxes;
  readonly #atBridge: boolean;
  readonly #size: number;
  readonly #log: Logger;
  readonly #ready: Sandbox[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(sandboxes: Sandboxes, options: { atBridge: boolean; size: number; log: Logger }) {
    this.#sandboxes = sandboxes;
    this.#atBridge = options.atBridge;
    this.#size = options.size;
    this.#log = options.log;
  }

  /** The one with the lowest address of those that are ready, else a new one. */
  take(): Sandbox {
    this.refill();
    return this.#ready.shift() ?? this.#sandboxes.make(this.#atBridge);
  }

  /** Takes back one that was not used after all. */
  giveBack(sandbox: Sandbox): void {
    if (this.#closed) {
      this.#sandboxes.retire(sandbox);
      return;
    }
    this.#ready.push(sandbox);
    this.#ready.sort((a, b) => (a.link?.address.address ?? 0) - (b.link?.address.address ?? 0));
  }

  /** Fills the pool up in the background, one at a time. */
  refill(): void {
    if (this.#closed || this.#timer || this.#size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#ready.length >= this.#size) return;
      try {
        this.giveBack(this.#sandboxes.make(this.#atBridge));
        this.refill();
      } catch (error) {
        // The next start tries by itself, and tells whoever asked for it.
        this.#log.warn("could not make a network namespace ahead", { error });
      }
    }, refillMillis);
    this.#timer.unref();
  }

  get ready(): number {
    return this.#ready.length;
  }

  /** Lets those that are ready die. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const sandbox of this.#ready.splice(0)) this.#sandboxes.retire(sandbox);
  }
}
