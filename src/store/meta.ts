import type { Database, Migration } from "./database.ts";

export const metaMigrations: readonly Migration[] = [
  { id: "meta-1", sql: "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;" },
];

/** Single values that belong to the data root as a whole. */
export class MetaTable {
  #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The value of `name`; `make` makes it when it is not there yet. */
  once(name: string, make: () => string): string {
    return this.#database.transaction(() => {
      const row = this.#database.get<{ value: string }>("SELECT value FROM meta WHERE name = ?", name);
      if (row) return row.value;
      const value = make();
      this.#database.run("INSERT INTO meta (name, value) VALUES (?, ?)", name, value);
      return value;
    });
  }
}
