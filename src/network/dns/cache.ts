import { lifetimeOf, type Query, renewed } from "./message.ts";

interface Kept {
  reply: Buffer;
  since: number;
  until: number;
}

/** No answer is kept longer, whatever it says of itself: the world moves on. */
const longest = 3600;

/** Answers of servers, for as long as they may live. */
export class Cache {
  readonly #kept = new Map<string, Kept>();
  readonly #size: number;
  readonly #now: () => number;

  /** Holds `size` answers; `now` in milliseconds. */
  constructor(size = 10_000, now = () => performance.now()) {
    this.#size = size;
    this.#now = now;
  }

  get(key: string, query: Query): Buffer | undefined {
    const kept = this.#kept.get(key);
    if (!kept) return undefined;
    const now = this.#now();
    if (now >= kept.until) {
      this.#kept.delete(key);
      return undefined;
    }
    return renewed(kept.reply, query, Math.floor((now - kept.since) / 1000));
  }

  put(key: string, query: Query, reply: Buffer): void {
    const lifetime = Math.min(lifetimeOf(reply, query), longest);
    if (lifetime <= 0) return;
    const now = this.#now();
    this.#kept.delete(key);
    this.#kept.set(key, { reply, since: now, until: now + lifetime * 1000 });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > this.#size && oldest !== undefined) this.#kept.delete(oldest);
  }

  clear(): void {
    this.#kept.clear();
  }
}
