import { Database as Sqlite, type Statement } from "bun:sqlite";
import { KeyedQueue } from "../../base/async.ts";
import type { Database, Queries, SqlValue, Transaction } from "./database.ts";
import { migrate, schemaFor } from "./schema.ts";

/** One connection, with the statements that it has prepared. */
class Connection implements Queries {
  readonly #sqlite: Sqlite;
  readonly #statements = new Map<string, Statement>();
  readonly forUpdate = "";

  constructor(path: string) {
    this.#sqlite = new Sqlite(path, { create: true, strict: true });
    this.exec("PRAGMA busy_timeout=10000");
    this.exec("PRAGMA journal_mode=WAL");
    this.exec("PRAGMA synchronous=FULL");
  }

  exec(sql: string): void {
    this.#sqlite.run(sql);
  }

  #prepare(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#sqlite.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  async all<T>(sql: string, ...values: SqlValue[]): Promise<T[]> {
    return this.#prepare(sql).all(...values) as T[];
  }

  async get<T>(sql: string, ...values: SqlValue[]): Promise<T | undefined> {
    return (this.#prepare(sql).get(...values) as T | null) ?? undefined;
  }

  async run(sql: string, ...values: SqlValue[]): Promise<number> {
    return this.#prepare(sql).run(...values).changes;
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#sqlite.close();
  }
}

/**
 * The index in a file. Reads have a connection of their own, so that they see the last committed state and never wait
 * for a transaction; writes come one after another. Another process may write to the same file meanwhile.
 */
class SqliteDatabase implements Database {
  readonly #writer: Connection;
  readonly #reader: Connection;
  readonly #queue = new KeyedQueue();

  constructor(writer: Connection, reader: Connection) {
    this.#writer = writer;
    this.#reader = reader;
  }

  all<T>(sql: string, ...values: SqlValue[]): Promise<T[]> {
    return this.#reader.all(sql, ...values);
  }

  get<T>(sql: string, ...values: SqlValue[]): Promise<T | undefined> {
    return this.#reader.get(sql, ...values);
  }

  run(sql: string, ...values: SqlValue[]): Promise<number> {
    return this.#queue.run("", () => this.#writer.run(sql, ...values));
  }

  transaction<T>(work: (queries: Transaction) => Promise<T>): Promise<T> {
    return this.#queue.run("", async () => {
      this.#writer.exec("BEGIN IMMEDIATE");
      try {
        const result = await work(this.#writer);
        this.#writer.exec("COMMIT");
        return result;
      } catch (error) {
        this.#writer.exec("ROLLBACK");
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.idle();
    this.#reader.close();
    this.#writer.close();
  }
}

/** Opens the index in the file `path`, made and brought up to date when need be. */
export async function openSqlite(path: string): Promise<Database> {
  const writer = new Connection(path);
  const database = new SqliteDatabase(writer, new Connection(path));
  await database.transaction((queries) => migrate(queries, schemaFor("sqlite")));
  return database;
}
