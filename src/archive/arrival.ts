import { cancelled } from "../base/errors.ts";

/**
 * Lets a Worker read a file that another thread is still writing: a small piece of shared memory that says how much of
 * it is there, and whether more will come.
 */
export class Arrival {
  readonly shared: SharedArrayBuffer;
  /** [bytes available, state] */
  readonly #values: BigInt64Array;

  constructor(shared = new SharedArrayBuffer(16)) {
    this.shared = shared;
    this.#values = new BigInt64Array(shared);
  }

  /** Writer: `bytes` from the start of the file can be read now. */
  advance(bytes: number): void {
    Atomics.store(this.#values, 0, BigInt(bytes));
    Atomics.notify(this.#values, 0);
  }

  /** Writer: all that is available is all there will be. */
  complete(): void {
    this.#setState(1n);
  }

  /** Writer: the rest will not come, or what came is void. */
  abort(): void {
    this.#setState(2n);
  }

  #setState(state: bigint): void {
    Atomics.store(this.#values, 1, state);
    // A change of the count wakes the reader; it looks at the state then.
    Atomics.notify(this.#values, 0);
  }

  /**
   * Reader: blocks the thread until more than `offset` bytes are available, and returns how many; the same as `offset`
   * at the end. Throws `cancelled` when the writer has aborted.
   */
  waitBeyond(offset: number): number {
    for (;;) {
      const state = Atomics.load(this.#values, 1);
      const available = Atomics.load(this.#values, 0);
      if (state === 2n) throw cancelled("context canceled");
      if (available > BigInt(offset) || state === 1n) return Number(available);
      // The timeout covers a notification between the loads and the wait.
      Atomics.wait(this.#values, 0, available, 50);
    }
  }
}
