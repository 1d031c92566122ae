import { join } from "node:path";
import { type Clock, systemClock } from "../base/clock.ts";
import { invalidArgument } from "../base/errors.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { Blobs } from "./blobs.ts";
import { Copies } from "./copies.ts";
import { type Collected, type CollectOptions, collect } from "./gc.ts";
import type { Database } from "./index/database.ts";
import { openPostgres } from "./index/postgres.ts";
import { rebuild } from "./index/rebuild.ts";
import { openSqlite } from "./index/sqlite.ts";
import { Manifests } from "./manifests.ts";
import { Pulls } from "./pulls.ts";
import { Referrers } from "./referrers.ts";
import { Repositories } from "./repositories.ts";
import { FolderStorage } from "./storage/folder.ts";
import { type S3Options, S3Storage } from "./storage/s3.ts";
import type { Storage } from "./storage/storage.ts";
import { Tags } from "./tags.ts";
import { Uploads } from "./uploads.ts";

/** Where a registry keeps what it has. */
export interface StoreOptions {
  /** A folder, or a bucket that several registries may share. */
  storage: { root: string } | { s3: S3Options };
  /** `postgres://…`, or a file of SQLite; `index.sqlite` in the folder where none is named. */
  database?: string;
}

/**
 * All that a registry keeps. Every change is atomic and durable when it returns, and nothing is kept in memory that
 * another process on the same storage and index would have to know.
 */
export class RegistryStore implements AsyncDisposable {
  readonly database: Database;
  readonly clock: Clock;
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly manifests: Manifests;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly repositories: Repositories;
  readonly pulls: Pulls;
  readonly #copies: Copies;
  readonly #storage: Storage;

  private constructor(storage: Storage, database: Database, clock: Clock) {
    this.#storage = storage;
    this.database = database;
    this.clock = clock;
    this.blobs = new Blobs(storage, database, clock);
    this.uploads = new Uploads(storage, this.blobs, clock);
    this.#copies = new Copies(storage, database, clock);
    this.manifests = new Manifests(database, this.blobs, this.#copies, clock);
    this.tags = new Tags(database);
    this.referrers = new Referrers(database);
    this.repositories = new Repositories(database);
    this.pulls = new Pulls(database, clock);
  }

  /** Opens what `options` names; a folder is made when it is not there, and an index that is new is filled. */
  static async open(options: string | StoreOptions, clock: Clock = systemClock): Promise<RegistryStore> {
    const { storage: place, database: where } =
      typeof options === "string" ? { storage: { root: options }, database: undefined } : options;
    const storage = "root" in place ? await FolderStorage.open(place.root) : new S3Storage(place.s3);
    const file = where ?? ("root" in place ? join(place.root, "index.sqlite") : undefined);
    if (file === undefined) throw invalidArgument("a registry on S3 needs a database");
    const database = /^postgres(?:ql)?:/.test(file) ? await openPostgres(file) : await openSqlite(file);
    const store = new RegistryStore(storage, database, clock);
    await store.#fill();
    return store;
  }

  /** An index is filled once; the row is written at the end, so that one that was cut off is filled again. */
  async #fill(): Promise<void> {
    const done = await this.database.get("SELECT value FROM settings WHERE name = ?", "filled");
    if (!done) await this.rebuild();
  }

  /** Adds to the index what the storage has beside it. */
  async rebuild(): Promise<{ manifests: number; tags: number }> {
    const found = await rebuild(this.#storage, this.database, this.clock.now());
    const sql = "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING";
    await this.database.run(sql, "filled", "1");
    return found;
  }

  /** Stores bytes at hand as a blob of the repository. Throws DIGEST_INVALID. */
  async putBlob(name: string, digest: Digest, bytes: Uint8Array): Promise<void> {
    const id = await this.uploads.start(name, algorithmOf(digest));
    await this.uploads.append(name, id, single(bytes));
    await this.uploads.finish(name, id, digest);
  }

  /** Writes down what nobody waits for: counts of pulls, and that copies are made. */
  async flush(): Promise<void> {
    await this.pulls.flush();
    await this.#copies.settle();
  }

  /** Makes the copies that a killed instance of this registry did not make. Returns how many. */
  mend(): Promise<number> {
    return this.#copies.mend();
  }

  /** Removes what was begun and given up: uploads, and files that a crash left half written. Returns how many. */
  removeAbandoned(): Promise<number> {
    return this.uploads.removeAbandoned();
  }

  /** Frees what nobody needs any more, while the registry is used. */
  collect(options: CollectOptions = {}): Promise<Collected> {
    return collect(this, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    await this.database[Symbol.asyncDispose]();
  }
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
