import { KeyedQueue } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import type { Digest } from "../oci/digest.ts";
import type { Database, Queries } from "./index/database.ts";
import { manifestKey, parseKey, tagKey } from "./layout.ts";
import type { Storage } from "./storage/storage.ts";

/** A copy that is due for so long is one that a killed instance left. */
const leftMillis = 60_000;
const batch = 500;

/** A key of the storage, and since when it is out of date. */
export interface DueCopy {
  storage_key: string;
  due_at: number;
}

/**
 * The storage's copies of manifests and tags, for the day when the index is lost. Each change of the index says in the
 * same transaction which copies it makes out of date (`copies`); they are brought up to what the index says afterwards,
 * after a crash by whoever comes next.
 */
export class Copies {
  readonly #storage: Storage;
  readonly #database: Database;
  readonly #clock: Clock;
  /** Copies are made in the order of the changes. */
  readonly #queue = new KeyedQueue();
  #made: DueCopy[] = [];

  constructor(storage: Storage, database: Database, clock: Clock) {
    this.#storage = storage;
    this.#database = database;
    this.#clock = clock;
  }

  /** Says, within the transaction of a change, that copies are out of date; gives what `make` wants. */
  async due(
    queries: Queries,
    name: string,
    what: { digests?: readonly Digest[]; tags: readonly string[] },
  ): Promise<DueCopy[]> {
    const manifests = (what.digests ?? []).map((digest) => manifestKey(name, digest));
    const keys = [...manifests, ...what.tags.map((tag) => tagKey(name, tag))];
    const now = this.#clock.now();
    for (const key of keys) {
      await queries.run(
        `INSERT INTO copies (storage_key, due_at) VALUES (?, ?)
         ON CONFLICT (storage_key) DO UPDATE SET due_at = excluded.due_at`,
        key,
        now,
      );
    }
    return keys.map((storage_key) => ({ storage_key, due_at: now }));
  }

  /** Makes the copies that are due, once the change is committed. */
  async make(name: string, due: readonly DueCopy[]): Promise<void> {
    await this.#queue.run(name, async () => {
      for (const one of due) {
        await this.#update(one.storage_key);
        this.#made.push(one);
      }
    });
  }

  /** Brings one copy up to what the index says now. */
  async #update(key: string): Promise<void> {
    const parsed = parseKey(key);
    if (!parsed) return;
    const content = await ("tag" in parsed
      ? this.#tag(parsed.name, parsed.tag)
      : this.#manifest(parsed.name, parsed.manifest));
    if (content === undefined) await this.#storage.remove(key);
    else await this.#storage.write(key, content);
  }

  async #tag(name: string, tag: string): Promise<string | undefined> {
    const sql = "SELECT digest FROM tags WHERE repository = ? AND name = ?";
    return (await this.#database.get<{ digest: Digest }>(sql, name, tag))?.digest;
  }

  async #manifest(name: string, digest: Digest): Promise<string | undefined> {
    const row = await this.#database.get<{ media_type: string; payload: string }>(
      "SELECT media_type, payload FROM manifests WHERE repository = ? AND digest = ?",
      name,
      digest,
    );
    return row && `${row.media_type}\n${row.payload}`;
  }

  /** Forgets what was due and is made: many at a time, since nobody waits for it. */
  async settle(): Promise<void> {
    const made = this.#made;
    if (made.length === 0) return;
    this.#made = [];
    await this.#database.transaction(async (queries) => {
      for (const { storage_key, due_at } of made) {
        // A later change has a due time of its own.
        await queries.run("DELETE FROM copies WHERE storage_key = ? AND due_at = ?", storage_key, due_at);
      }
    });
  }

  /** Makes the copies that a killed instance did not. Returns how many. */
  async mend(): Promise<number> {
    await this.settle();
    for (let mended = 0; ; ) {
      const rows = await this.#database.all<DueCopy>(
        `SELECT storage_key, due_at FROM copies WHERE due_at < ? ORDER BY storage_key LIMIT ${batch}`,
        this.#clock.now() - leftMillis,
      );
      for (const row of rows) await this.make(parseKey(row.storage_key)?.name ?? "", [row]);
      await this.settle();
      mended += rows.length;
      if (rows.length < batch) return mended;
    }
  }
}
