import { SQL } from "bun";
import { sleep } from "../../base/async.ts";
import { messageOf, unavailable } from "../../base/errors.ts";
import type { Database, Queries, SqlValue, Transaction } from "./database.ts";
import { migrate, schemaFor } from "./schema.ts";

/** Connections that one registry holds at most. */
const maxConnections = 10;
const maxAttempts = 10;
/** serialization_failure, deadlock_detected, unique_violation (two instances made the same row at once). */
const retried = new Set(["40001", "40P01", "23505"]);

type Session = Pick<SQL, "unsafe">;

/** `?` as PostgreSQL writes it: `$1`, `$2`, … None of our statements has a question mark of its own. */
const numbered = new Map<string, string>();
function withNumbers(sql: string): string {
  let text = numbered.get(sql);
  if (text === undefined) {
    let count = 0;
    text = sql.replaceAll("?", () => `$${++count}`);
    numbered.set(sql, text);
  }
  return text;
}

class PostgresQueries implements Queries {
  readonly forUpdate = " FOR UPDATE";
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async all<T>(sql: string, ...values: SqlValue[]): Promise<T[]> {
    return [...(await this.#session.unsafe(withNumbers(sql), values.map(storable)))] as T[];
  }

  async get<T>(sql: string, ...values: SqlValue[]): Promise<T | undefined> {
    return (await this.all<T>(sql, ...values))[0];
  }

  async run(sql: string, ...values: SqlValue[]): Promise<number> {
    const result = await this.#session.unsafe(withNumbers(sql), values.map(storable));
    return Number(result.count ?? 0);
  }
}

/** PostgreSQL's texts cannot hold NUL, which a name, a search or a README may contain; SQLite's can. */
function storable(value: SqlValue): SqlValue {
  return typeof value === "string" ? value.replaceAll("\0", "\uFFFD") : value;
}

/** The index in PostgreSQL, for registries that share their storage. */
class PostgresDatabase extends PostgresQueries implements Database {
  readonly #sql: SQL;

  constructor(sql: SQL) {
    super(sql);
    this.#sql = sql;
  }

  async transaction<T>(work: (queries: Transaction) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.#sql.begin((session) => work(new PostgresQueries(session)))) as T;
      } catch (error) {
        if (attempt === maxAttempts || !retried.has(stateOf(error))) throw error;
        await sleep(Math.random() * 20 * attempt);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sql.close();
  }
}

/** The SQLSTATE of an error, or "". */
function stateOf(error: unknown): string {
  return typeof error === "object" && error !== null && "errno" in error ? String(error.errno) : "";
}

/** Opens the index at `url` (`postgres://user:password@host/database`). Throws `unavailable`. */
export async function openPostgres(url: string): Promise<Database> {
  const database = new PostgresDatabase(new SQL(url, { max: maxConnections, bigint: false }));
  try {
    await database.transaction(async (queries) => {
      // Instances that start at the same time must not make the tables at the same time.
      await queries.run("SELECT pg_advisory_xact_lock(5000)");
      await migrate(queries, schemaFor("postgres"));
    });
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw unavailable(`PostgreSQL: ${messageOf(error)}`, error);
  }
  return database;
}
