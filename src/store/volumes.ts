import type { Database, Migration } from "./database.ts";
import { volumeUserMigrations } from "./volume-users.ts";

/** A volume as it is kept. `labels` and `options` are JSON objects of strings. */
export interface VolumeRow {
  name: string;
  driver: string;
  labels: string;
  options: string;
  /** RFC 3339. */
  created: string;
  /** 1: made for one container, without a name. */
  anonymous: number;
  /** `global`: its driver has it on other hosts too. */
  scope: "local" | "global";
}

export const volumeMigrations: readonly Migration[] = [
  {
    id: "volumes-1",
    sql: `CREATE TABLE volumes (
            name TEXT PRIMARY KEY, driver TEXT NOT NULL, labels TEXT NOT NULL, options TEXT NOT NULL,
            created TEXT NOT NULL, anonymous INTEGER NOT NULL
          ) STRICT;`,
  },
  ...volumeUserMigrations,
  { id: "volumes-2", sql: "ALTER TABLE volumes ADD COLUMN scope TEXT NOT NULL DEFAULT 'local'" },
];

const columns = "name, driver, labels, options, created, anonymous, scope";

export class VolumeTable {
  #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(): VolumeRow[] {
    return this.#database.all(`SELECT ${columns} FROM volumes ORDER BY name`);
  }

  get(name: string): VolumeRow | undefined {
    return this.#database.get(`SELECT ${columns} FROM volumes WHERE name = ?`, name);
  }

  insert(row: VolumeRow): void {
    this.#database.run(
      `INSERT INTO volumes (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      row.name,
      row.driver,
      row.labels,
      row.options,
      row.created,
      row.anonymous,
      row.scope,
    );
  }

  delete(name: string): void {
    this.#database.run("DELETE FROM volumes WHERE name = ?", name);
  }
}
