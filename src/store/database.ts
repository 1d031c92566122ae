import {
  constants,
  SQLiteError,
  type SQLQueryBindings,
  Database as Sqlite,
  type Statement,
} from "bun:sqlite";
import { statSync } from "node:fs";
import { internal } from "../base/errors.ts";

export type SqlValue = SQLQueryBindings;

/** A step of the schema. `id` is recorded when it has been applied; a released step never changes. */
export interface Migration {
  id: string;
  sql: string;
}

/** The write-ahead log is copied into the database when it has so many pages. */
const checkpointPages = 500;
/** Pages that the log and the database have room for without growing: the log's, and the largest transaction. */
const reservedPages = checkpointPages + 100;
const pageSize = 4096;

/**
 * The one SQLite database of a daemon. Every write is durable when it returns (WAL, `synchronous=FULL`), so what is
 * done together belongs into one `transaction`; or, where that is enough, into `relaxed`.
 */
export class Database implements Disposable {
  #sqlite: Sqlite;
  #statements = new Map<string, Statement>();
  /** What `synchronous` is now. It is changed when it has to be: to and fro costs as much as a small write. */
  #synchronous: "FULL" | "NORMAL" = "FULL";

  private constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
  }

  /** Opens `path` (`:memory:` in unit tests), and applies those of `migrations` that it does not have yet. */
  static open(path: string, migrations: readonly Migration[]): Database {
    const sqlite = new Sqlite(path, { create: true, strict: true });
    sqlite.run("PRAGMA journal_mode=WAL");
    sqlite.run("PRAGMA synchronous=FULL");
    sqlite.run("PRAGMA foreign_keys=ON");
    sqlite.run("PRAGMA busy_timeout=5000");
    const database = new Database(sqlite);
    database.#migrate(migrations);
    if (path !== ":memory:") database.#reserve(path);
    return database;
  }

  /** Has the log and the database grow once, and the log stay when the database is closed. */
  #reserve(path: string): void {
    this.#sqlite.run(`PRAGMA wal_autocheckpoint=${checkpointPages}`);
    this.#sqlite.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
    const size = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (size >= reservedPages * pageSize) return;
    try {
      this.#sqlite.transaction(() => {
        this.#sqlite.run("CREATE TABLE IF NOT EXISTS reserve (bytes BLOB) STRICT");
        this.#sqlite.run("INSERT INTO reserve VALUES (zeroblob(?))", [reservedPages * pageSize]);
      })();
      this.#sqlite.run("PRAGMA wal_checkpoint");
      this.#sqlite.run("DROP TABLE reserve");
    } catch (error) {
      // The disk is full now: what there is has to do.
      if (!isFull(error)) throw error;
    }
  }

  #migrate(migrations: readonly Migration[]): void {
    this.#sqlite.run("CREATE TABLE IF NOT EXISTS migrations (id TEXT PRIMARY KEY) STRICT");
    const done = new Set(this.all<{ id: string }>("SELECT id FROM migrations").map((row) => row.id));
    for (const migration of migrations) {
      if (done.has(migration.id)) continue;
      this.transaction(() => {
        this.#sqlite.run(migration.sql);
        this.run("INSERT INTO migrations (id) VALUES (?)", migration.id);
      });
    }
  }

  #prepare(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#sqlite.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Runs one statement; returns how many rows it changed. */
  run(sql: string, ...values: SqlValue[]): number {
    if (!this.#sqlite.inTransaction) this.#sync("FULL");
    return this.#writing(() => this.#prepare(sql).run(...values).changes);
  }

  get<T>(sql: string, ...values: SqlValue[]): T | undefined {
    return (this.#prepare(sql).get(...values) as T | null) ?? undefined;
  }

  all<T>(sql: string, ...values: SqlValue[]): T[] {
    return this.#prepare(sql).all(...values) as T[];
  }

  /** All of `work`'s writes, or none of them. May be nested (the inner one joins the outer). */
  transaction<T>(work: () => T): T {
    return this.#together("FULL", work);
  }

  #together<T>(synchronous: "FULL" | "NORMAL", work: () => T): T {
    if (this.#sqlite.inTransaction) return work();
    this.#sync(synchronous);
    return this.#writing(() => {
      this.#prepare("BEGIN IMMEDIATE").run();
      try {
        const result = work();
        this.#prepare("COMMIT").run();
        return result;
      } catch (error) {
        // Some errors (a full disk) have rolled it back already.
        if (this.#sqlite.inTransaction) this.#prepare("ROLLBACK").run();
        throw error;
      }
    });
  }

  #sync(synchronous: "FULL" | "NORMAL"): void {
    if (this.#synchronous === synchronous) return;
    this.#sqlite.run(`PRAGMA synchronous=${synchronous}`);
    this.#synchronous = synchronous;
  }

  #writing<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!isFull(error)) throw error;
      throw internal(`write ${this.#sqlite.filename}: no space left on device`, error);
    }
  }

  /**
   * A transaction that survives the death of this process, but maybe not a power failure: for what a power failure ends
   * anyway (mounts, namespaces, running processes). Saves the wait for the disk. Within a `transaction` it is part of
   * that.
   */
  relaxed<T>(work: () => T): T {
    return this.#together("NORMAL", work);
  }

  [Symbol.dispose](): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#sqlite.close();
  }
}

function isFull(error: unknown): boolean {
  return error instanceof SQLiteError && error.code === "SQLITE_FULL";
}
