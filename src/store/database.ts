import {
  constants,
  SQLiteError,
  type SQLQueryBindings,
  Database as Sqlite,
  type Statement,
} from "bun:sqlite";
import { closeSync, fdatasyncSync, fsyncSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, internal } from "../base/errors.ts";

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
 * The one SQLite database of a daemon. Every write is durable when it returns, so what is done together belongs into one
 * `transaction`; or, where that is enough, into `relaxed`.
 *
 * SQLite itself does not wait for the disk at a commit (`synchronous=NORMAL`, which keeps the order of all that is written):
 * it would call fsync(2), which has the file system's journal written too, for the time of the log alone. The log has its
 * length already (`#reserve`), so that fdatasync(2) does the same in half the time.
 */
export class Database implements Disposable {
  #sqlite: Sqlite;
  #statements = new Map<string, Statement>();
  /** Of the write-ahead log; undefined for a database in memory. */
  #log: number | undefined;
  /** Rows were changed in the transaction that is open. */
  #changed = false;

  private constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
  }

  /** Opens `path` (`:memory:` in unit tests), and applies those of `migrations` that it does not have yet. */
  static open(path: string, migrations: readonly Migration[]): Database {
    const log = `${path}-wal`;
    const isNew = path !== ":memory:" && statSync(log, { throwIfNoEntry: false }) === undefined;
    const sqlite = new Sqlite(path, { create: true, strict: true });
    sqlite.run("PRAGMA journal_mode=WAL");
    sqlite.run("PRAGMA synchronous=NORMAL");
    sqlite.run("PRAGMA foreign_keys=ON");
    sqlite.run("PRAGMA busy_timeout=5000");
    const database = new Database(sqlite);
    database.#migrate(migrations);
    if (path !== ":memory:") {
      database.#reserve(path);
      database.#log = openSync(log, "r");
      database.#flush();
      if (isNew) flushFolder(dirname(path));
    }
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
    return this.#writing(() => {
      const { changes } = this.#prepare(sql).run(...values);
      if (changes > 0) {
        if (this.#sqlite.inTransaction) this.#changed = true;
        else this.#flush();
      }
      return changes;
    });
  }

  get<T>(sql: string, ...values: SqlValue[]): T | undefined {
    return (this.#prepare(sql).get(...values) as T | null) ?? undefined;
  }

  all<T>(sql: string, ...values: SqlValue[]): T[] {
    return this.#prepare(sql).all(...values) as T[];
  }

  /** All of `work`'s writes, or none of them. May be nested (the inner one joins the outer). */
  transaction<T>(work: () => T): T {
    return this.#together(work, { durable: true });
  }

  #together<T>(work: () => T, { durable }: { durable: boolean }): T {
    if (this.#sqlite.inTransaction) return work();
    return this.#writing(() => {
      this.#changed = false;
      this.#prepare("BEGIN IMMEDIATE").run();
      try {
        const result = work();
        this.#prepare("COMMIT").run();
        if (durable && this.#changed) this.#flush();
        return result;
      } catch (error) {
        // Some errors (a full disk) have rolled it back already.
        if (this.#sqlite.inTransaction) this.#prepare("ROLLBACK").run();
        throw error;
      }
    });
  }

  /** All commits until now survive a power failure. */
  #flush(): void {
    if (this.#log !== undefined) fdatasyncSync(this.#log);
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
    return this.#together(work, { durable: false });
  }

  [Symbol.dispose](): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#sqlite.close();
    if (this.#log !== undefined) closeSync(this.#log);
    this.#log = undefined;
  }
}

function flushFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isFull(error: unknown): boolean {
  return (error instanceof SQLiteError && error.code === "SQLITE_FULL") || errnoOf(error) === "ENOSPC";
}
