import { cancelled } from "../base/errors.ts";

interface Running {
  promise: Promise<void>;
  stop: AbortController;
  waiters: Set<(progress: number) => void>;
  progress: number;
}

export interface WaitOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: number) => void) | undefined;
}

/**
 * Work that several may ask for at once: it is done once, all of them wait, and it stops when the last has given up.
 */
export class SharedTasks {
  readonly #running = new Map<string, Running>();

  /** True while the work of `key` goes on. */
  has(key: string): boolean {
    return this.#running.has(key);
  }

  /**
   * Waits for the work of `key`, and starts it when nobody has. `isDone` is asked before each start, since the work
   * that went on until now may have done it. Rejects with what the work throws, or `cancelled` as soon as `signal`
   * fires.
   */
  async run(
    key: string,
    isDone: () => boolean,
    start: (signal: AbortSignal, onProgress: (progress: number) => void) => Promise<void>,
    options: WaitOptions = {},
  ): Promise<void> {
    for (;;) {
      if (options.signal?.aborted) throw cancelled("context canceled");
      if (isDone()) return;
      const running = this.#running.get(key);
      if (running?.stop.signal.aborted) {
        // All who wanted it have left, and it is about to end: what it has to say concerns nobody here.
        await running.promise.catch(() => {});
        continue;
      }
      return this.#wait(running ?? this.#start(key, start), options);
    }
  }

  /** Resolves when the work of `key` has ended, if all who wanted it have left; at once when it goes on for somebody. */
  async ended(key: string): Promise<void> {
    const running = this.#running.get(key);
    if (running?.stop.signal.aborted) await running.promise.catch(() => {});
  }

  /** Resolves when nothing runs any more; what runs is told to stop. */
  async stop(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { stop } of all) stop.abort();
    await Promise.allSettled(all.map(({ promise }) => promise));
  }

  #start(
    key: string,
    start: (signal: AbortSignal, onProgress: (progress: number) => void) => Promise<void>,
  ): Running {
    const stop = new AbortController();
    const waiters = new Set<(progress: number) => void>();
    const running: Running = { promise: Promise.resolve(), stop, waiters, progress: 0 };
    this.#running.set(key, running);
    const onProgress = (progress: number) => {
      running.progress = progress;
      for (const tell of waiters) tell(progress);
    };
    running.promise = start(stop.signal, onProgress).finally(() => this.#running.delete(key));
    // Those who wait get the failure; nobody may be left when it comes.
    running.promise.catch(() => {});
    return running;
  }

  #wait(running: Running, { signal, onProgress }: WaitOptions): Promise<void> {
    const tell = onProgress ?? (() => {});
    // A function of its own for each, so that two waiters with the same callback count twice.
    const waiter = (progress: number) => tell(progress);
    running.waiters.add(waiter);
    if (running.progress > 0) waiter(running.progress);
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal?.removeEventListener("abort", giveUp);
        running.waiters.delete(waiter);
      };
      const giveUp = () => {
        leave();
        if (running.waiters.size === 0) running.stop.abort();
        reject(cancelled("context canceled"));
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      running.promise.then(resolve, reject).finally(leave);
    });
  }
}
