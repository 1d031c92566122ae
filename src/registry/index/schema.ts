import type { Queries } from "./database.ts";

/** A step of the schema: `id` is recorded when it has been applied; a released step never changes. */
interface Migration {
  id: string;
  statements: readonly string[];
}

/**
 * The tables. `NUMBER` stands for whole numbers up to 2^53 in both dialects; times are milliseconds since 1970.
 * A repository is listed from its first manifest on (`pushed_at`). `blobs` has a row for each content in the storage,
 * written before the content: while it is arriving, `holders` pushes keep it from the collector, at most `held_until`.
 */
const migrations: readonly Migration[] = [
  {
    id: "1-content",
    statements: [
      `CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)`,
      `CREATE TABLE repositories (
        name TEXT PRIMARY KEY, private NUMBER NOT NULL DEFAULT 0, official NUMBER NOT NULL DEFAULT 0,
        description TEXT NOT NULL DEFAULT '', readme TEXT NOT NULL DEFAULT '', immutable TEXT NOT NULL DEFAULT '',
        retention TEXT NOT NULL DEFAULT '', created_at NUMBER NOT NULL, pushed_at NUMBER,
        pulls NUMBER NOT NULL DEFAULT 0, stars NUMBER NOT NULL DEFAULT 0)`,
      `CREATE TABLE blobs (digest TEXT PRIMARY KEY, size NUMBER NOT NULL, held_until NUMBER NOT NULL,
        going NUMBER NOT NULL DEFAULT 0)`,
      `CREATE TABLE repository_blobs (repository TEXT NOT NULL, digest TEXT NOT NULL, size NUMBER NOT NULL,
        linked_at NUMBER NOT NULL, PRIMARY KEY (repository, digest))`,
      `CREATE INDEX repository_blobs_digest ON repository_blobs (digest)`,
      `CREATE TABLE manifests (repository TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL,
        size NUMBER NOT NULL, content_size NUMBER NOT NULL, config TEXT NOT NULL DEFAULT '',
        platforms TEXT NOT NULL DEFAULT '[]', artifact_type TEXT NOT NULL DEFAULT '', subject TEXT NOT NULL DEFAULT '',
        referrer TEXT NOT NULL DEFAULT '', pushed_at NUMBER NOT NULL, pulls NUMBER NOT NULL DEFAULT 0, pulled_at NUMBER,
        payload TEXT NOT NULL, PRIMARY KEY (repository, digest))`,
      `CREATE INDEX manifests_subject ON manifests (repository, subject, digest)`,
      `CREATE TABLE manifest_references (repository TEXT NOT NULL, manifest TEXT NOT NULL, digest TEXT NOT NULL,
        PRIMARY KEY (repository, manifest, digest))`,
      `CREATE INDEX manifest_references_digest ON manifest_references (repository, digest)`,
      `CREATE TABLE tags (repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
        updated_at NUMBER NOT NULL, PRIMARY KEY (repository, name))`,
      `CREATE INDEX tags_digest ON tags (repository, digest)`,
      `CREATE INDEX tags_updated ON tags (repository, updated_at, name)`,
    ],
  },
  {
    id: "2-accounts",
    statements: [
      `CREATE TABLE accounts (name TEXT PRIMARY KEY, kind TEXT NOT NULL, email TEXT NOT NULL DEFAULT '',
        password TEXT NOT NULL DEFAULT '', administrator NUMBER NOT NULL DEFAULT 0,
        description TEXT NOT NULL DEFAULT '', created_at NUMBER NOT NULL)`,
      `CREATE TABLE members (organisation TEXT NOT NULL, account TEXT NOT NULL, role TEXT NOT NULL,
        PRIMARY KEY (organisation, account))`,
      `CREATE INDEX members_account ON members (account)`,
      `CREATE TABLE grants (repository TEXT NOT NULL, account TEXT NOT NULL, role TEXT NOT NULL,
        PRIMARY KEY (repository, account))`,
      `CREATE INDEX grants_account ON grants (account)`,
      `CREATE TABLE tokens (hash TEXT PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, account TEXT NOT NULL,
        label TEXT NOT NULL DEFAULT '', role TEXT NOT NULL DEFAULT 'admin', created_at NUMBER NOT NULL,
        expires_at NUMBER, used_at NUMBER)`,
      `CREATE INDEX tokens_account ON tokens (account, kind, created_at)`,
      `CREATE TABLE stars (repository TEXT NOT NULL, account TEXT NOT NULL, PRIMARY KEY (repository, account))`,
      `CREATE INDEX stars_account ON stars (account)`,
      `CREATE TABLE failures (subject TEXT PRIMARY KEY, count NUMBER NOT NULL, expires_at NUMBER NOT NULL)`,
    ],
  },
  {
    id: "3-notifications",
    statements: [
      `CREATE TABLE notifications (id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, event TEXT NOT NULL,
        created_at NUMBER NOT NULL, attempts NUMBER NOT NULL DEFAULT 0, due_at NUMBER NOT NULL)`,
      `CREATE INDEX notifications_due ON notifications (endpoint, due_at)`,
    ],
  },
  {
    id: "4-holders",
    statements: [`ALTER TABLE blobs ADD COLUMN holders NUMBER NOT NULL DEFAULT 0`],
  },
  {
    id: "5-copies",
    statements: [
      `CREATE TABLE copies (storage_key TEXT PRIMARY KEY, due_at NUMBER NOT NULL)`,
      `CREATE INDEX copies_due ON copies (due_at)`,
    ],
  },
];

/** The steps in one database's words. Names are compared by their bytes, in both. */
export function schemaFor(dialect: "sqlite" | "postgres"): readonly Migration[] {
  const [number, text] =
    dialect === "sqlite" ? ["INTEGER", "TEXT"] : ["DOUBLE PRECISION", 'TEXT COLLATE "C"'];
  return migrations.map(({ id, statements }) => ({
    id,
    statements: statements.map((sql) => sql.replace(/\bNUMBER\b/g, number).replace(/\bTEXT\b/g, text)),
  }));
}

/** Applies the steps that are not there yet. */
export async function migrate(queries: Queries, steps: readonly Migration[]): Promise<void> {
  await queries.run("CREATE TABLE IF NOT EXISTS migrations (id TEXT PRIMARY KEY)");
  const done = new Set((await queries.all<{ id: string }>("SELECT id FROM migrations")).map(({ id }) => id));
  for (const { id, statements } of steps) {
    if (done.has(id)) continue;
    for (const sql of statements) await queries.run(sql);
    await queries.run("INSERT INTO migrations (id) VALUES (?)", id);
  }
}
