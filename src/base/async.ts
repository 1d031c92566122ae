import { cancelled } from "./errors.ts";

/** Runs the tasks of one key one after another, and those of different keys side by side. */
export class KeyedQueue {
  #tails = new Map<string, Promise<unknown>>();

  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(task, task);
    const tail = result
      .catch(() => {})
      .then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    return result;
  }

  /**
   * As `run`, for those who cannot wait for ever: rejects with `late`, and never begins, when what is before it takes
   * longer than `millis`.
   */
  runWithin<T>(key: string, millis: number, task: () => Promise<T>, late: Error): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let isLate = false;
      const giveUp = setTimeout(() => {
        isLate = true;
        reject(late);
      }, millis);
      this.run(key, async () => {
        if (isLate) return;
        clearTimeout(giveUp);
        await task().then(resolve, reject);
      }).catch(reject);
    });
  }

  /** Resolves when nothing runs or waits. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }
}

/** Lets `limit` tasks run at a time; the others wait in order. */
export class Limiter {
  #limit: number;
  #running = 0;
  #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** From now on; more than `limit` that run already come to their end. */
  set limit(limit: number) {
    this.#limit = limit;
    this.#admit();
  }

  #admit(): void {
    while (this.#running < this.#limit) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#running++;
      next();
    }
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#limit) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      this.#running--;
      this.#admit();
    }
  }
}

/** Resolves when what is due now, answers above all, has been done. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when `work` is done or has failed, or after `millis`. */
export async function waitAtMost(millis: number, work: Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  const late = sleep(millis, patience.signal).catch(() => {}); // `work` was faster
  await Promise.race([work.catch(() => {}), late]);
  patience.abort();
}

/** Resolves after `millis`; rejects with `cancelled` when `signal` fires first. */
export function sleep(millis: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(cancelled("context canceled"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, millis);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * A queue between a producer that never waits and one consumer that iterates. `end()` finishes the iteration after
 * what was pushed; `fail()` throws there.
 */
export class AsyncQueue<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #failure: unknown;

  push(item: T): void {
    if (this.#ended) return;
    this.#items.push(item);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure = error;
    this.end();
  }

  /** How many items wait. */
  get size(): number {
    return this.#items.length;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (;;) {
      while (this.#items.length > 0) yield this.#items.shift() as T;
      if (this.#ended) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** A set of listeners to values of one kind; a listener that throws does not keep the others from hearing. */
export class Emitter<T> {
  #listeners = new Set<(value: T) => void>();

  /** Returns the disposable that stops listening. */
  on(listener: (value: T) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** How many listen. */
  get size(): number {
    return this.#listeners.size;
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
