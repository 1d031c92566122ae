import { sleep } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import { unavailable } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { maxManifestSize } from "../oci/manifest.ts";
import { RegistryError } from "./errors.ts";
import type { Database, Queries } from "./index/database.ts";
import { blobKey } from "./layout.ts";
import { touchRepository } from "./repositories.ts";
import type { OpenObject, Storage } from "./storage/storage.ts";

/** How long content may take from its row to its first repository, and a blob from its push to its manifest. */
export const graceMillis = 3600_000;
/** How often a use of a blob is noted: often enough that it never looks given up while somebody is about to use it. */
const touchMillis = graceMillis / 4;
/** Content that has been going for so long is what a killed collector left. */
const goingMillis = 60_000;

const letGo = "UPDATE blobs SET holders = holders - 1 WHERE digest = ? AND holders > 0";

/**
 * Verified content. A blob is kept once, is visible only in the repositories that have a row for it, and goes when the
 * last of them has let go.
 */
export class Blobs {
  readonly #storage: Storage;
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(storage: Storage, database: Database, clock: Clock) {
    this.#storage = storage;
    this.#database = database;
    this.#clock = clock;
  }

  /**
   * The size of a repository's blob in bytes, or undefined when it has no such blob. Who asks may go on to push a
   * manifest with it, so that asking keeps it from the collector for a while.
   */
  async size(name: string, digest: Digest): Promise<number | undefined> {
    const row = await this.#database.get<{ size: number; linked_at: number }>(
      "SELECT size, linked_at FROM repository_blobs WHERE repository = ? AND digest = ?",
      name,
      digest,
    );
    const now = this.#clock.now();
    if (row && row.linked_at < now - touchMillis) {
      const sql = "UPDATE repository_blobs SET linked_at = ? WHERE repository = ? AND digest = ?";
      if ((await this.#database.run(sql, now, name, digest)) === 0) return undefined;
    }
    return row?.size;
  }

  /** Opens a repository's blob. Throws BLOB_UNKNOWN. */
  async open(name: string, digest: Digest): Promise<OpenObject> {
    const row = await this.#database.get<{ size: number }>(
      "SELECT size FROM repository_blobs WHERE repository = ? AND digest = ?",
      name,
      digest,
    );
    const object = row ? await this.#storage.open(blobKey(digest)) : undefined;
    if (!object) throw blobUnknown(digest);
    return object;
  }

  /**
   * A repository's blob as a whole, when it is a document (the configuration of an image); undefined for one that it
   * has not, and for one that is too long for that.
   */
  async read(name: string, digest: Digest): Promise<Buffer | undefined> {
    const row = await this.#database.get<{ size: number }>(
      "SELECT size FROM repository_blobs WHERE repository = ? AND digest = ?",
      name,
      digest,
    );
    return row && row.size <= maxManifestSize ? this.#storage.read(blobKey(digest)) : undefined;
  }

  /**
   * Takes content of `size` bytes, verified to be `digest`, into the repository: `place` puts it into the storage under
   * the key that it is given. The row comes first and holds off the collector.
   */
  async adopt(
    name: string,
    digest: Digest,
    size: number,
    place: (key: string) => Promise<void>,
  ): Promise<void> {
    await this.#hold(digest, size);
    try {
      await place(blobKey(digest));
    } catch (error) {
      await this.#database.run(letGo, digest);
      throw error;
    }
    const linked = await this.#database.transaction(async (queries) => {
      const row = await queries.get(
        `SELECT digest FROM blobs WHERE digest = ? AND going = 0${queries.forUpdate}`,
        digest,
      );
      if (!row) return false;
      await this.#link(queries, name, digest, size);
      await queries.run("UPDATE blobs SET holders = holders - 1, size = ? WHERE digest = ?", size, digest);
      return true;
    });
    // It arrived so slowly that the collector came meanwhile: the client has to push again.
    if (!linked) throw unavailable("the upload took too long");
  }

  /** Writes the row of content that is about to come, and waits when the same content is just going. */
  async #hold(digest: Digest, size: number): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      const held = await this.#database.run(
        `INSERT INTO blobs (digest, size, held_until, holders) VALUES (?, ?, ?, 1) ON CONFLICT (digest) DO UPDATE
         SET held_until = excluded.held_until, going = 0,
           holders = CASE WHEN blobs.held_until < ? THEN 1 ELSE blobs.holders + 1 END
         WHERE blobs.going = 0 OR blobs.going < ?`,
        digest,
        size,
        now + graceMillis,
        now,
        now - goingMillis,
      );
      if (held > 0) return;
      await sleep(50);
    }
  }

  async #link(queries: Queries, name: string, digest: Digest, size: number): Promise<void> {
    const now = this.#clock.now();
    await touchRepository(queries, name, now);
    await queries.run(
      `INSERT INTO repository_blobs (repository, digest, size, linked_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (repository, digest) DO UPDATE SET linked_at = excluded.linked_at, size = excluded.size`,
      name,
      digest,
      size,
      now,
    );
  }

  /** Gives `name` the blob that `from` has. False when that has no such blob. */
  mount(name: string, digest: Digest, from: string): Promise<boolean> {
    return this.#database.transaction(async (queries) => {
      const row = await queries.get<{ size: number }>(
        `SELECT size FROM repository_blobs WHERE repository = ? AND digest = ?${queries.forUpdate}`,
        from,
        digest,
      );
      if (row) await this.#link(queries, name, digest, row.size);
      return row !== undefined;
    });
  }

  /** Takes the blob from the repository, and frees its space when no other has it. Throws BLOB_UNKNOWN. */
  async remove(name: string, digest: Digest): Promise<void> {
    const sql = "DELETE FROM repository_blobs WHERE repository = ? AND digest = ?";
    if ((await this.#database.run(sql, name, digest)) === 0) throw blobUnknown(digest);
    await this.free(digest);
  }

  /**
   * Frees content that no repository has and that is not arriving; returns how many bytes. The row says first that it
   * is going, so that no push takes it for content that is there.
   */
  async free(digest: Digest): Promise<number> {
    const now = this.#clock.now();
    const size = await this.#database.transaction(async (queries) => {
      const row = await queries.get<{ size: number }>(
        `SELECT size FROM blobs WHERE digest = ? AND (holders = 0 OR held_until < ?) AND going < ?${queries.forUpdate}`,
        digest,
        now,
        now - goingMillis,
      );
      const user = await queries.get("SELECT digest FROM repository_blobs WHERE digest = ? LIMIT 1", digest);
      if (!row || user) return undefined;
      await queries.run("UPDATE blobs SET going = ? WHERE digest = ?", now, digest);
      return row.size;
    });
    if (size === undefined) return 0;
    await this.#storage.remove(blobKey(digest));
    await this.#database.run("DELETE FROM blobs WHERE digest = ? AND going = ?", digest, now);
    return size;
  }
}

export function blobUnknown(digest: string): RegistryError {
  return new RegistryError("BLOB_UNKNOWN", { details: [{ digest }] });
}
