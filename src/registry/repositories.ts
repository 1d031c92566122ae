import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "./errors.ts";
import type { Database, Queries, SqlValue } from "./index/database.ts";

/** A repository as the index has it. Times in milliseconds since 1970. */
export interface Repository {
  name: string;
  private: boolean;
  official: boolean;
  description: string;
  /** Markdown. */
  readme: string;
  /** A pattern of tags that may not be moved or deleted (`*` for all), or "". */
  immutable: string;
  retention: string;
  created_at: number;
  /** Null until the first manifest. */
  pushed_at: number | null;
  pulls: number;
  stars: number;
}

/** What an owner can set. */
export type RepositorySettings = Partial<
  Pick<Repository, "private" | "official" | "description" | "readme" | "immutable" | "retention">
>;

/** Which repositories somebody may see: a condition on the column `name`, with its values. */
export interface Visibility {
  sql: string;
  values: readonly SqlValue[];
}

export const everything: Visibility = { sql: "1 = 1", values: [] };

/** Makes the row of a repository when there is none. */
export async function touchRepository(queries: Queries, name: string, now: number): Promise<void> {
  await queries.run(
    `INSERT INTO repositories (name, created_at, private) VALUES (?, ?, ${defaultPrivacy}) ON CONFLICT (name) DO NOTHING`,
    name,
    now,
  );
}

/** What a new repository is: the setting `private`, or public. */
const defaultPrivacy =
  "COALESCE((SELECT CAST(value AS INTEGER) FROM settings WHERE settings.name = 'private'), 0)";

/** The repositories of a registry: lists come from the index, a page at a time. */
export class Repositories {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Throws NAME_UNKNOWN when nothing was ever pushed as `name`. */
  async require(name: string): Promise<Repository> {
    const row = await this.get(name);
    if (row === undefined || row.pushed_at === null) throw nameUnknown(name);
    return row;
  }

  async get(name: string): Promise<Repository | undefined> {
    const row = await this.#database.get<Repository>("SELECT * FROM repositories WHERE name = ?", name);
    return row && normal(row);
  }

  /** At most `limit` names after `last`, sorted by their bytes. */
  async names(last: string, limit: number, visible: Visibility = everything): Promise<string[]> {
    const rows = await this.#database.all<{ name: string }>(
      `SELECT name FROM repositories WHERE name > ? AND pushed_at IS NOT NULL AND ${visible.sql} ORDER BY name LIMIT ?`,
      last,
      ...visible.values,
      limit,
    );
    return rows.map(({ name }) => name);
  }

  /** One page of those whose name or description has `text` in it: official ones and those with stars first. */
  async search(text: string, visible: Visibility, { limit, offset }: { limit: number; offset: number }) {
    const pattern = `%${text.toLowerCase().replace(/[\\%_]/g, "\\$&")}%`;
    const where = `pushed_at IS NOT NULL AND (name LIKE ? ESCAPE '\\' OR LOWER(description) LIKE ? ESCAPE '\\') AND ${visible.sql}`;
    const values = [pattern, pattern, ...visible.values];
    const rows = await this.#database.all<Repository>(
      `SELECT * FROM repositories WHERE ${where} ORDER BY official DESC, stars DESC, pulls DESC, name LIMIT ? OFFSET ?`,
      ...values,
      limit,
      offset,
    );
    const total = await this.#database.get<{ total: number }>(
      `SELECT CAST(COUNT(*) AS INTEGER) AS total FROM repositories WHERE ${where}`,
      ...values,
    );
    return { repositories: rows.map(normal), total: total?.total ?? 0 };
  }

  /** One page of the repositories of a namespace, the last pushed first. */
  async ofNamespace(
    namespace: string,
    visible: Visibility,
    { limit, offset }: { limit: number; offset: number },
  ) {
    const rows = await this.#database.all<Repository>(
      `SELECT * FROM repositories WHERE name >= ? AND name < ? AND pushed_at IS NOT NULL AND ${visible.sql}
       ORDER BY pushed_at DESC, name LIMIT ? OFFSET ?`,
      `${namespace}/`,
      `${namespace}0`,
      ...visible.values,
      limit,
      offset,
    );
    return rows.map(normal);
  }

  /** Some of those that have the blob `digest`. */
  async withBlob(digest: Digest, visible: Visibility): Promise<Repository[]> {
    const rows = await this.#database.all<Repository>(
      `SELECT * FROM repositories WHERE name IN (SELECT repository FROM repository_blobs WHERE digest = ? LIMIT 20)
       AND ${visible.sql}`,
      digest,
      ...visible.values,
    );
    return rows.map(normal);
  }

  /** Throws NAME_UNKNOWN. */
  async set(name: string, settings: RepositorySettings): Promise<void> {
    const entries = Object.entries(settings);
    if (entries.length === 0) return;
    const columns = entries.map(([column]) => `${column} = ?`).join(", ");
    const values = entries.map(([, value]) => (typeof value === "boolean" ? Number(value) : value));
    const changed = await this.#database.run(
      `UPDATE repositories SET ${columns} WHERE name = ?`,
      ...values,
      name,
    );
    if (changed === 0) throw nameUnknown(name);
  }

  async isStarred(name: string, account: string | undefined): Promise<boolean> {
    if (account === undefined) return false;
    const sql = "SELECT account FROM stars WHERE repository = ? AND account = ?";
    return (await this.#database.get(sql, name, account)) !== undefined;
  }

  /** Bytes of all that the repository has, each content counted once. */
  async size(name: string): Promise<number> {
    const row = await this.#database.get<{ size: number | null }>(
      "SELECT CAST(SUM(size) AS DOUBLE PRECISION) AS size FROM repository_blobs WHERE repository = ?",
      name,
    );
    return row?.size ?? 0;
  }
}

function normal(row: Repository): Repository {
  return { ...row, private: Boolean(row.private), official: Boolean(row.official) };
}

export function nameUnknown(name: string): RegistryError {
  return new RegistryError("NAME_UNKNOWN", { details: [{ name }] });
}
