import type { Digest } from "../oci/digest.ts";
import type { Database } from "./index/database.ts";

/** A tag with what a list shows of its manifest. Times in milliseconds since 1970. */
export interface TagRow {
  name: string;
  digest: Digest;
  updated_at: number;
  media_type: string;
  artifact_type: string;
  /** Bytes of the layers, of all platforms. */
  content_size: number;
  platforms: Platforms;
  pulls: number;
}

/** `linux/amd64` and the like, with what each one weighs. */
export type Platforms = { platform: string; digest: Digest; size: number }[];

/** The tags of repositories: names that point to a manifest and may be moved. */
export class Tags {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** At most `limit` tags after `last`, sorted by their bytes. */
  async list(name: string, last: string, limit: number): Promise<string[]> {
    const rows = await this.#database.all<{ name: string }>(
      "SELECT name FROM tags WHERE repository = ? AND name > ? ORDER BY name LIMIT ?",
      name,
      last,
      limit,
    );
    return rows.map((row) => row.name);
  }

  /** What `tag` points to. */
  async get(name: string, tag: string): Promise<Digest | undefined> {
    const sql = "SELECT digest FROM tags WHERE repository = ? AND name = ?";
    return (await this.#database.get<{ digest: Digest }>(sql, name, tag))?.digest;
  }

  async count(name: string): Promise<number> {
    const sql = "SELECT CAST(COUNT(*) AS INTEGER) AS total FROM tags WHERE repository = ?";
    return (await this.#database.get<{ total: number }>(sql, name))?.total ?? 0;
  }

  /** One page of tags, the last moved first; those whose name has `text` in it. */
  async page(
    name: string,
    text: string,
    { limit, offset }: { limit: number; offset: number },
  ): Promise<TagRow[]> {
    const filter = text === "" ? "" : "AND t.name LIKE ? ESCAPE '\\'";
    const rows = await this.#database.all<Omit<TagRow, "platforms"> & { platforms: string }>(
      `SELECT t.name, t.digest, t.updated_at, m.media_type, m.artifact_type, m.content_size, m.platforms, m.pulls
       FROM tags t JOIN manifests m ON m.repository = t.repository AND m.digest = t.digest
       WHERE t.repository = ? ${filter} ORDER BY t.updated_at DESC, t.name DESC LIMIT ? OFFSET ?`,
      name,
      ...(text === "" ? [] : [`%${text.replace(/[\\%_]/g, "\\$&")}%`]),
      limit,
      offset,
    );
    return rows.map((row) => ({ ...row, platforms: JSON.parse(row.platforms) as Platforms }));
  }
}
