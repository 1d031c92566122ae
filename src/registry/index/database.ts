/** What a column can hold: numbers are whole and below 2^53 (bytes, milliseconds, counts). */
export type SqlValue = string | number | null;

/** Statements in the SQL that SQLite and PostgreSQL share, with `?` for values. */
export interface Queries {
  all<T>(sql: string, ...values: SqlValue[]): Promise<T[]>;
  /** The first row. */
  get<T>(sql: string, ...values: SqlValue[]): Promise<T | undefined>;
  /** Returns how many rows were changed. */
  run(sql: string, ...values: SqlValue[]): Promise<number>;
}

/** Statements within a transaction. */
export interface Transaction extends Queries {
  /** Ends a SELECT that must hold its rows until the end of the transaction; SQLite has one writer at a time anyway. */
  readonly forUpdate: string;
}

/**
 * The index of a registry: SQLite on one machine, PostgreSQL where several registries share their storage. What is
 * written is durable when the promise resolves.
 */
export interface Database extends Queries, AsyncDisposable {
  /**
   * All of `work`'s writes, or none. `work` may run several times (a deadlock is resolved by doing it again), so it
   * must do nothing but statements.
   */
  transaction<T>(work: (queries: Transaction) => Promise<T>): Promise<T>;
}
