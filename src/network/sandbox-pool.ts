import type { Logger } from "../base/log.ts";
import type { Sandbox, SandboxKind } from "./sandboxes.ts";

/** How long after one was taken the next is made: when the container is on its way, so as not to be in its way. */
const refillMillis = 10;

/** How the sandboxes of a pool come and go. */
interface Maker {
  /** `owner`: the user namespace that it is to belong to, where that is not as with all others. */
  make(owner?: SandboxKind["owner"]): Sandbox;
  retire(sandbox: Sandbox): void;
}

/** Sandboxes made ahead, so that a start does not wait for the kernel to make one. */
export class SandboxPool {
  readonly #maker: Maker;
  readonly #size: number;
  readonly #log: Logger;
  readonly #ready: Sandbox[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(maker: Maker, options: { size: number; log: Logger }) {
    this.#maker = maker;
    this.#size = options.size;
    this.#log = options.log;
  }

  /** The one with the lowest address of those that are ready, else a new one; a new one for an `owner` of its own. */
  take(owner?: SandboxKind["owner"]): Sandbox {
    if (owner !== undefined) return this.#maker.make(owner);
    this.refill();
    return this.#ready.shift() ?? this.#maker.make();
  }

  /** Takes back one that was not used after all. */
  giveBack(sandbox: Sandbox): void {
    if (this.#closed) {
      this.#maker.retire(sandbox);
      return;
    }
    this.#ready.push(sandbox);
    this.#ready.sort((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1));
  }

  /** Fills the pool up in the background, one at a time. */
  refill(): void {
    if (this.#closed || this.#timer || this.#size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#ready.length >= this.#size) return;
      try {
        this.giveBack(this.#maker.make());
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
    for (const sandbox of this.#ready.splice(0)) this.#maker.retire(sandbox);
  }
}

const addressOf = ({ wire }: Sandbox) => wire?.addresses[0]?.value ?? 0n;
