import { conflict } from "../base/errors.ts";
import type { Database, Migration } from "./database.ts";

/** A container as it is kept: what was asked for, and what became of it, each as JSON. */
export interface ContainerRow {
  id: string;
  name: string;
  spec: string;
  state: string;
}

export const containerMigrations: readonly Migration[] = [
  {
    id: "containers-1",
    sql: `CREATE TABLE containers (
            id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, spec TEXT NOT NULL, state TEXT NOT NULL
          ) STRICT;`,
  },
];

export class ContainerTable {
  #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(): ContainerRow[] {
    return this.#database.all("SELECT id, name, spec, state FROM containers");
  }

  /** Throws `conflict` with Docker's words when another container has the name. `durable` as in `setState`. */
  insert(row: ContainerRow, durable: boolean): void {
    const { id, name, spec, state } = row;
    this.#checkName(name, id);
    const sql = "INSERT INTO containers (id, name, spec, state) VALUES (?, ?, ?, ?)";
    const write = () => this.#database.run(sql, id, name, spec, state);
    if (durable) write();
    else this.#database.relaxed(write);
  }

  /** `durable` false: a power failure may take it back. */
  setState(id: string, state: string, durable: boolean): void {
    const write = () => this.#database.run("UPDATE containers SET state = ? WHERE id = ?", state, id);
    if (durable) write();
    else this.#database.relaxed(write);
  }

  setSpec(id: string, spec: string): void {
    this.#database.run("UPDATE containers SET spec = ? WHERE id = ?", spec, id);
  }

  /** Throws `conflict` as `insert` does. */
  rename(id: string, name: string): void {
    this.#checkName(name, id);
    this.#database.run("UPDATE containers SET name = ? WHERE id = ?", name, id);
  }

  /** `durable` as in `setState`. */
  delete(id: string, durable: boolean): void {
    const write = () => this.#database.run("DELETE FROM containers WHERE id = ?", id);
    if (durable) write();
    else this.#database.relaxed(write);
  }

  #checkName(name: string, id: string): void {
    const other = this.#database.get<{ id: string }>("SELECT id FROM containers WHERE name = ?", name);
    if (!other || other.id === id) return;
    throw conflict(
      `Conflict. The container name "/${name}" is already in use by container "${other.id}". ` +
        "You have to remove (or rename) that container to be able to reuse that name.",
    );
  }
}
