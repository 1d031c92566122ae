import type { Digest } from "../oci/digest.ts";
import type { Database, Migration } from "./database.ts";

/** Results of build steps that are kept for the next build. */
export const buildCacheMigrations: readonly Migration[] = [
  {
    id: "build-cache-1",
    sql: `CREATE TABLE build_cache (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, description TEXT NOT NULL, parent TEXT NOT NULL,
            diff_id TEXT NOT NULL, blob TEXT NOT NULL, media_type TEXT NOT NULL, blob_size INTEGER NOT NULL,
            size INTEGER NOT NULL, created TEXT NOT NULL, used INTEGER NOT NULL, uses INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE build_cache_keys (
            key TEXT PRIMARY KEY, id TEXT NOT NULL REFERENCES build_cache (id) ON DELETE CASCADE
          ) STRICT;
          CREATE INDEX build_cache_keys_id ON build_cache_keys (id);`,
  },
];

/** The result of one step: a layer. */
export interface BuildCacheRow {
  id: string;
  /** In BuildKit's words: `regular`, `source.local`, `exec.cachemount`. */
  kind: string;
  description: string;
  /** The id of the step below; "" where it has none. */
  parent: string;
  diffId: Digest;
  blob: Digest;
  mediaType: string;
  blobSize: number;
  /** Bytes of the files. */
  size: number;
  /** RFC 3339: the layer's time in images that have it. */
  created: string;
  /** Milliseconds since 1970. */
  used: number;
  uses: number;
}

/** `uses` more of the result `id`, the last one at `used`. */
export type BuildCacheUse = Pick<BuildCacheRow, "id" | "used" | "uses">;

const columns =
  "id, kind, description, parent, diff_id AS diffId, blob, media_type AS mediaType, blob_size AS blobSize, size, " +
  "created, used, uses";

export class BuildCacheTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(): BuildCacheRow[] {
    return this.#database.all(`SELECT ${columns} FROM build_cache ORDER BY used`);
  }

  /** The result that a key stands for. */
  find(key: string): BuildCacheRow | undefined {
    const where = "WHERE id = (SELECT id FROM build_cache_keys WHERE key = ?)";
    return this.#database.get(`SELECT ${columns} FROM build_cache ${where}`, key);
  }

  /** All keys of the result that `key` stands for. */
  keysLike(key: string): string[] {
    const where = "WHERE id = (SELECT id FROM build_cache_keys WHERE key = ?)";
    return this.#database
      .all<{ key: string }>(`SELECT key FROM build_cache_keys ${where}`, key)
      .map((row) => row.key);
  }

  put(row: BuildCacheRow, keys: readonly string[]): void {
    this.#database.transaction(() => {
      this.#database.run(
        "INSERT OR REPLACE INTO build_cache VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row.id,
        row.kind,
        row.description,
        row.parent,
        row.diffId,
        row.blob,
        row.mediaType,
        row.blobSize,
        row.size,
        row.created,
        row.used,
        row.uses,
      );
      this.alias(row.id, keys);
    });
  }

  /** Further keys of a result. */
  alias(id: string, keys: readonly string[]): void {
    for (const key of keys) {
      this.#database.run("INSERT OR REPLACE INTO build_cache_keys (key, id) VALUES (?, ?)", key, id);
    }
  }

  /** Takes note of uses. Not worth a wait for the disk. */
  addUses(list: readonly BuildCacheUse[]): void {
    const sql = "UPDATE build_cache SET used = ?, uses = uses + ? WHERE id = ?";
    this.#database.relaxed(() => {
      for (const { id, used, uses } of list) this.#database.run(sql, used, uses, id);
    });
  }

  delete(id: string): void {
    this.#database.run("DELETE FROM build_cache WHERE id = ?", id);
  }
}
