import type { Clock } from "../base/clock.ts";
import { isEngineError } from "../base/errors.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { digestLike, sha256Of } from "../oci/digester.ts";
import { type Index, type Manifest, parseManifestOrIndex } from "../oci/manifest.ts";
import { isTag } from "../oci/reference.ts";
import type { Blobs } from "./blobs.ts";
import type { Copies } from "./copies.ts";
import { RegistryError } from "./errors.ts";
import type { Database, Queries, Transaction } from "./index/database.ts";
import { checkReferences, type RepositoryContent } from "./manifest-check.ts";
import { describe, insertManifest, type ManifestRow } from "./manifest-rows.ts";
import { matchesPattern } from "./patterns.ts";
import { nameUnknown, touchRepository } from "./repositories.ts";

/** A manifest as it was pushed. */
export interface StoredManifest {
  digest: Digest;
  mediaType: string;
  bytes: Uint8Array;
}

/** What a push did. */
export interface PutResult {
  digest: Digest;
  mediaType: string;
  subject?: Digest;
}

/**
 * The manifests and indexes of repositories, with the tags and referrers that hang on them. The index is what is
 * served; the storage has copies (`Copies`).
 */
export class Manifests {
  readonly #database: Database;
  readonly #blobs: Blobs;
  readonly #copies: Copies;
  readonly #clock: Clock;

  constructor(database: Database, blobs: Blobs, copies: Copies, clock: Clock) {
    this.#database = database;
    this.#blobs = blobs;
    this.#copies = copies;
    this.#clock = clock;
  }

  /** The manifest that a tag or digest names. Throws MANIFEST_UNKNOWN. */
  async get(name: string, reference: string): Promise<StoredManifest> {
    const columns = "m.digest, m.media_type, m.payload";
    const row = await this.#database.get<{ digest: Digest; media_type: string; payload: string }>(
      isDigest(reference)
        ? `SELECT ${columns} FROM manifests m WHERE m.repository = ? AND m.digest = ?`
        : `SELECT ${columns} FROM tags t JOIN manifests m ON m.repository = t.repository AND m.digest = t.digest
           WHERE t.repository = ? AND t.name = ?`,
      name,
      reference,
    );
    if (!row) throw manifestUnknown(name, reference);
    return { digest: row.digest, mediaType: row.media_type, bytes: Buffer.from(row.payload) };
  }

  /**
   * Stores a manifest or index under its digest, and under a tag when `reference` is one, or under `tags` when it
   * is a digest. What it consists of must be there already, its subject need not; with `partial`, as in a cache, the
   * blobs need not either. `isPrivate` makes the repository private. Throws MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, SIZE_INVALID, DIGEST_INVALID, IMMUTABLE.
   */
  async put(
    name: string,
    reference: string,
    bytes: Uint8Array,
    contentType?: string,
    {
      partial = false,
      isPrivate = false,
      tags: also = [],
    }: { partial?: boolean; isPrivate?: boolean; tags?: readonly string[] } = {},
  ): Promise<PutResult> {
    const byDigest = isDigest(reference);
    const tags = byDigest ? also : [reference];
    if (!tags.every(isTag)) throw invalid("invalid tag");
    const digest = byDigest ? digestLike(reference, bytes) : sha256Of(bytes);
    if (byDigest && digest !== reference) {
      throw new RegistryError("DIGEST_INVALID", { details: [{ digest: reference, actual: digest }] });
    }
    const document = parse(bytes, contentType);
    const row = await describe(name, digest, document, payloadOf(bytes), {
      config: (wanted) => this.#blobs.read(name, wanted),
      manifest: (wanted) => this.#sizeOf(this.#database, name, wanted),
    });
    const due = await this.#database.transaction(async (queries) => {
      await this.#insert(queries, row, document, { tags, partial, isPrivate });
      return this.#copies.due(queries, name, { digests: [digest], tags });
    });
    await this.#copies.make(name, due);
    const subject = document.subject?.digest;
    return { digest, mediaType: document.mediaType, ...(subject && { subject }) };
  }

  async #insert(
    queries: Transaction,
    row: ManifestRow,
    document: Manifest | Index,
    { tags, partial, isPrivate }: { tags: readonly string[]; partial: boolean; isPrivate: boolean },
  ): Promise<void> {
    const name = row.repository;
    const now = this.#clock.now();
    await touchRepository(queries, name, now);
    await lock(queries, name);
    if (!partial) await checkReferences(document, contentOf(queries, name));
    for (const tag of tags) await refuseImmutable(queries, name, tag, row.digest);
    await insertManifest(queries, row, now);
    await queries.run("UPDATE repositories SET pushed_at = ? WHERE name = ?", now, name);
    if (isPrivate) await queries.run("UPDATE repositories SET private = 1 WHERE name = ?", name);
    for (const tag of tags) {
      await queries.run(
        `INSERT INTO tags (repository, name, digest, updated_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest, updated_at = excluded.updated_at`,
        name,
        tag,
        row.digest,
        now,
      );
    }
  }

  async #sizeOf(queries: Queries, name: string, digest: Digest) {
    const sql = "SELECT size, content_size FROM manifests WHERE repository = ? AND digest = ?";
    return queries.get<{ size: number; content_size: number }>(sql, name, digest);
  }

  /**
   * Deletes a tag, or a manifest with all tags that point to it; returns the manifest's digest. Throws
   * MANIFEST_UNKNOWN, IMMUTABLE.
   */
  async remove(name: string, reference: string): Promise<Digest> {
    const gone = await this.#database.transaction(async (queries) => {
      const { digest, tags } = (await removeRows(queries, name, reference)) ?? {};
      if (digest === undefined || tags === undefined) return undefined;
      const what = isDigest(reference) ? { digests: [digest], tags } : { tags };
      return { digest, due: await this.#copies.due(queries, name, what) };
    });
    if (!gone) throw manifestUnknown(name, reference);
    await this.#copies.make(name, gone.due);
    return gone.digest;
  }

  /**
   * Deletes a repository with all that is in it and all that was said of it; its content goes with the next collection.
   * Throws NAME_UNKNOWN, and IMMUTABLE while it has a tag that may not be deleted.
   */
  async removeRepository(name: string): Promise<void> {
    const due = await this.#database.transaction(async (queries) => {
      const gone = await removeAllRows(queries, name);
      return this.#copies.due(queries, name, gone);
    });
    await this.#copies.make(name, due);
  }
}

/** The tables with rows of a repository, by the column that has its name. */
const tablesOf = [
  ["tags", "repository"],
  ["manifests", "repository"],
  ["manifest_references", "repository"],
  ["repository_blobs", "repository"],
  ["grants", "repository"],
  ["stars", "repository"],
  ["repositories", "name"],
] as const;

async function removeAllRows(queries: Transaction, name: string) {
  await lock(queries, name);
  const sql = "SELECT immutable FROM repositories WHERE name = ? AND pushed_at IS NOT NULL";
  const row = await queries.get<{ immutable: string }>(sql, name);
  if (!row) throw nameUnknown(name);
  const tags = await queries.all<{ name: string }>("SELECT name FROM tags WHERE repository = ?", name);
  const kept = tags.find((tag) => matchesPattern(row.immutable, tag.name));
  if (kept) throw immutable(name, kept.name);
  const manifests = await queries.all<{ digest: Digest }>(
    "SELECT digest FROM manifests WHERE repository = ?",
    name,
  );
  for (const [table, column] of tablesOf) await queries.run(`DELETE FROM ${table} WHERE ${column} = ?`, name);
  return { digests: manifests.map(({ digest }) => digest), tags: tags.map((tag) => tag.name) };
}

function immutable(name: string, tag: string): RegistryError {
  return new RegistryError("IMMUTABLE", { message: `the tag ${tag} is immutable`, details: [{ name, tag }] });
}

/** One change of a repository at a time, over all instances. */
export async function lock(queries: Transaction, name: string): Promise<void> {
  await queries.get(`SELECT name FROM repositories WHERE name = ?${queries.forUpdate}`, name);
}

function contentOf(queries: Queries, name: string): RepositoryContent {
  const size = async (table: "repository_blobs" | "manifests", digest: Digest) => {
    const sql = `SELECT size FROM ${table} WHERE repository = ? AND digest = ?`;
    return (await queries.get<{ size: number }>(sql, name, digest))?.size;
  };
  return {
    blobSize: (digest) => size("repository_blobs", digest),
    manifestSize: (digest) => size("manifests", digest),
  };
}

async function removeRows(queries: Transaction, name: string, reference: string) {
  await lock(queries, name);
  const byDigest = isDigest(reference);
  const tags = await queries.all<{ name: string; digest: Digest }>(
    `SELECT name, digest FROM tags WHERE repository = ? AND ${byDigest ? "digest" : "name"} = ?`,
    name,
    reference,
  );
  for (const tag of tags) {
    await refuseImmutable(queries, name, tag.name);
    await queries.run("DELETE FROM tags WHERE repository = ? AND name = ?", name, tag.name);
  }
  const names = tags.map((tag) => tag.name);
  if (!byDigest) return tags[0] && { digest: tags[0].digest, tags: names };
  const sql = "DELETE FROM manifests WHERE repository = ? AND digest = ?";
  if ((await queries.run(sql, name, reference)) === 0) return undefined;
  await queries.run("DELETE FROM manifest_references WHERE repository = ? AND manifest = ?", name, reference);
  return { digest: reference, tags: names };
}

/** Throws IMMUTABLE when the tag is there, may not change, and does not point to `digest` already. */
async function refuseImmutable(queries: Queries, name: string, tag: string, digest?: Digest): Promise<void> {
  const row = await queries.get<{ immutable: string; digest: Digest }>(
    `SELECT r.immutable, t.digest FROM tags t JOIN repositories r ON r.name = t.repository
     WHERE t.repository = ? AND t.name = ?`,
    name,
    tag,
  );
  if (!row || row.digest === digest || !matchesPattern(row.immutable, tag)) return;
  throw immutable(name, tag);
}

function parse(bytes: Uint8Array, contentType?: string): Manifest | Index {
  try {
    return parseManifestOrIndex(bytes, contentType);
  } catch (error) {
    if (isEngineError(error, "invalidArgument")) throw invalid(error.message, error);
    throw error;
  }
}

/** The index keeps text: JSON is UTF-8 (RFC 8259, 8.1), and what is not comes not back as it was. */
function payloadOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("utf8");
  if (text.includes("\0") || !Buffer.from(text).equals(bytes)) throw invalid("it is not UTF-8");
  return text;
}

function invalid(reason: string, cause?: unknown): RegistryError {
  return new RegistryError("MANIFEST_INVALID", { details: [{ reason }], cause });
}

function manifestUnknown(name: string, reference: string): RegistryError {
  return new RegistryError("MANIFEST_UNKNOWN", { details: [{ name, reference }] });
}
