import type { Clock } from "../base/clock.ts";
import type { Digest } from "../oci/digest.ts";
import type { Database } from "./index/database.ts";

/**
 * How often manifests were pulled. Counted in memory and added to the index every few seconds: a pull must not wait for
 * the disk, and nobody misses the last few of a killed instance.
 */
export class Pulls {
  readonly #database: Database;
  readonly #clock: Clock;
  #counts = new Map<string, Map<Digest, number>>();

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  count(name: string, digest: Digest): void {
    const counts = this.#counts.get(name) ?? new Map<Digest, number>();
    counts.set(digest, (counts.get(digest) ?? 0) + 1);
    this.#counts.set(name, counts);
  }

  /** Adds what was counted to the index. */
  async flush(): Promise<void> {
    const counted = this.#counts;
    if (counted.size === 0) return;
    this.#counts = new Map();
    const now = this.#clock.now();
    await this.#database.transaction(async (queries) => {
      for (const [name, digests] of [...counted].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const total = [...digests.values()].reduce((sum, n) => sum + n, 0);
        await queries.run("UPDATE repositories SET pulls = pulls + ? WHERE name = ?", total, name);
        for (const [digest, n] of digests) {
          await queries.run(
            "UPDATE manifests SET pulls = pulls + ?, pulled_at = ? WHERE repository = ? AND digest = ?",
            n,
            now,
            name,
            digest,
          );
        }
      }
    });
  }
}
