import type { Digest } from "../oci/digest.ts";
import type { Database, Migration } from "./database.ts";

/** What exists below `blobs/`, `ingest/` and `layers/`, and the images that are made of it. */
export const imageMigrations: readonly Migration[] = [
  {
    id: "images-1",
    sql: `CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT;
          CREATE TABLE ingests (
            digest TEXT PRIMARY KEY, size INTEGER NOT NULL, touched INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE layers (
            diff_id TEXT PRIMARY KEY, ready INTEGER NOT NULL, bytes INTEGER NOT NULL, boot TEXT NOT NULL
          ) STRICT;
          CREATE TABLE images (
            id TEXT PRIMARY KEY, media_type TEXT NOT NULL, size INTEGER NOT NULL, tagged TEXT
          ) STRICT;
          CREATE TABLE image_names (
            name TEXT PRIMARY KEY, image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
          ) STRICT;
          CREATE INDEX image_names_image ON image_names (image);
          CREATE TABLE leases (id TEXT PRIMARY KEY, expires INTEGER NOT NULL) STRICT;
          CREATE TABLE lease_items (
            lease TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE, digest TEXT NOT NULL,
            PRIMARY KEY (lease, digest)
          ) STRICT;`,
  },
  { id: "images-2", sql: "ALTER TABLE layers ADD COLUMN disk INTEGER;" },
  {
    id: "image-repositories-1",
    sql: `CREATE TABLE image_repositories (
            image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE, repository TEXT NOT NULL,
            PRIMARY KEY (image, repository)
          ) STRICT;`,
  },
  {
    id: "dropped-blobs-1",
    sql: `ALTER TABLE image_repositories ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
          CREATE TABLE dropped_blobs (
            digest TEXT PRIMARY KEY, size INTEGER NOT NULL, diff_id TEXT NOT NULL, repositories TEXT NOT NULL
          ) STRICT;`,
  },
  {
    id: "compressed-layers-1",
    sql: `CREATE TABLE own_documents (digest TEXT PRIMARY KEY) STRICT;
          CREATE TABLE compressed_layers (
            plain TEXT PRIMARY KEY, digest TEXT NOT NULL, size INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE pushed_documents (
            image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE, repository TEXT NOT NULL,
            digest TEXT NOT NULL, PRIMARY KEY (image, repository)
          ) STRICT;`,
  },
];

export interface BlobRow {
  digest: Digest;
  /** In bytes. */
  size: number;
}

/** A blob that is on its way: a file below `ingest/`. `touched`: milliseconds since 1970. */
export interface IngestRow extends BlobRow {
  touched: number;
}

/** A blob whose layer is here, and whose file is not: a registry gives it again. */
export interface DroppedBlob extends BlobRow {
  diffId: Digest;
  /** Full names of repositories that have it. */
  repositories: string[];
}

export class BlobTable {
  readonly #database: Database;
  /** What the table holds: lists of images ask for each blob. */
  readonly #sizes: Map<Digest, number>;
  readonly #dropped: Map<Digest, DroppedBlob>;

  constructor(database: Database) {
    this.#database = database;
    const rows = database.all<BlobRow>("SELECT digest, size FROM blobs");
    this.#sizes = new Map(rows.map(({ digest, size }) => [digest, size]));
    const dropped = database.all<BlobRow & { diff_id: Digest; repositories: string }>(
      "SELECT digest, size, diff_id, repositories FROM dropped_blobs",
    );
    this.#dropped = new Map(
      dropped.map(({ digest, size, diff_id, repositories }) => [
        digest,
        { digest, size, diffId: diff_id, repositories: repositories.split(" ") },
      ]),
    );
  }

  all(): BlobRow[] {
    return [...this.#sizes].map(([digest, size]) => ({ digest, size }));
  }

  size(digest: Digest): number | undefined {
    return this.#sizes.get(digest);
  }

  /** The blob is there; its ingest, if any, is over. */
  insert({ digest, size }: BlobRow): void {
    this.#database.transaction(() => {
      this.#database.run("INSERT OR REPLACE INTO blobs (digest, size) VALUES (?, ?)", digest, size);
      this.deleteIngest(digest);
      this.deleteDropped(digest);
    });
    this.#sizes.set(digest, size);
  }

  dropped(): DroppedBlob[] {
    return [...this.#dropped.values()];
  }

  droppedBlob(digest: Digest): DroppedBlob | undefined {
    return this.#dropped.get(digest);
  }

  /** From now on it is one that a registry has to give again. */
  drop(blob: DroppedBlob): void {
    const { digest, size, diffId, repositories } = blob;
    this.#database.transaction(() => {
      this.#database.run(
        "INSERT OR REPLACE INTO dropped_blobs (digest, size, diff_id, repositories) VALUES (?, ?, ?, ?)",
        digest,
        size,
        diffId,
        repositories.join(" "),
      );
      this.delete(digest);
    });
    this.#dropped.set(digest, blob);
  }

  deleteDropped(digest: Digest): void {
    if (!this.#dropped.delete(digest)) return;
    this.#database.run("DELETE FROM dropped_blobs WHERE digest = ?", digest);
  }

  delete(digest: Digest): void {
    this.#database.transaction(() => {
      this.#database.run("DELETE FROM blobs WHERE digest = ?", digest);
      this.#database.run("DELETE FROM own_documents WHERE digest = ?", digest);
      this.#database.run("DELETE FROM compressed_layers WHERE plain = ?", digest);
    });
    this.#sizes.delete(digest);
  }

  /** The document was written here, and not pulled or loaded. */
  setOwn(digest: Digest): void {
    this.#database.run("INSERT OR IGNORE INTO own_documents (digest) VALUES (?)", digest);
  }

  isOwn(digest: Digest): boolean {
    return this.#database.get("SELECT 1 FROM own_documents WHERE digest = ?", digest) !== undefined;
  }

  /** The compressed form of each plain layer that has one. */
  compressed(): (BlobRow & { plain: Digest })[] {
    return this.#database.all("SELECT plain, digest, size FROM compressed_layers");
  }

  compressedOf(plain: Digest): BlobRow | undefined {
    return this.#database.get("SELECT digest, size FROM compressed_layers WHERE plain = ?", plain);
  }

  setCompressed(plain: Digest, { digest, size }: BlobRow): void {
    const sql = "INSERT OR REPLACE INTO compressed_layers (plain, digest, size) VALUES (?, ?, ?)";
    this.#database.run(sql, plain, digest, size);
  }

  ingests(): IngestRow[] {
    return this.#database.all("SELECT digest, size, touched FROM ingests");
  }

  insertIngest({ digest, size, touched }: IngestRow): void {
    this.#database.run(
      "INSERT OR REPLACE INTO ingests (digest, size, touched) VALUES (?, ?, ?)",
      digest,
      size,
      touched,
    );
  }

  deleteIngest(digest: Digest): void {
    this.#database.run("DELETE FROM ingests WHERE digest = ?", digest);
  }
}

/** `boot`: the boot of the kernel in which it was unpacked, until its files are known to be on the disk; then empty. */
export interface LayerRow {
  diffId: Digest;
  ready: boolean;
  /** Of its regular files. */
  bytes: number;
  boot: string;
}

export class LayerTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(): LayerRow[] {
    return this.#database
      .all<{ diff_id: Digest; ready: number; bytes: number; boot: string }>(
        "SELECT diff_id, ready, bytes, boot FROM layers",
      )
      .map(({ diff_id, ready, bytes, boot }) => ({ diffId: diff_id, ready: ready === 1, bytes, boot }));
  }

  put({ diffId, ready, bytes, boot }: LayerRow): void {
    this.#database.run(
      "INSERT OR REPLACE INTO layers (diff_id, ready, bytes, boot) VALUES (?, ?, ?, ?)",
      diffId,
      ready ? 1 : 0,
      bytes,
      boot,
    );
  }

  /** What the layer takes on the disk, or undefined when that has not been counted since its files are there. */
  diskBytes(diffId: Digest): number | undefined {
    const row = this.#database.get<{ disk: number | null }>(
      "SELECT disk FROM layers WHERE diff_id = ? AND boot = ''",
      diffId,
    );
    return row?.disk ?? undefined;
  }

  setDiskBytes(diffId: Digest, bytes: number): void {
    this.#database.run("UPDATE layers SET disk = ? WHERE diff_id = ?", bytes, diffId);
  }

  /** Whether its files are known to be on the disk. */
  isSynced(diffId: Digest): boolean {
    return this.#database.get("SELECT 1 FROM layers WHERE diff_id = ? AND boot = ''", diffId) !== undefined;
  }

  /** The files of all these layers are on the disk. */
  setSynced(diffIds: readonly Digest[]): void {
    this.#database.transaction(() => {
      for (const diffId of diffIds) {
        this.#database.run("UPDATE layers SET boot = '' WHERE diff_id = ?", diffId);
      }
    });
  }

  delete(diffId: Digest): void {
    this.#database.run("DELETE FROM layers WHERE diff_id = ?", diffId);
  }
}

/** An image: a descriptor that has names, or had them. */
export interface ImageRow {
  /** Digest of an index or a manifest. */
  id: Digest;
  mediaType: string;
  /** Of that document, in bytes. */
  size: number;
  /** When it last got a name, in nanoseconds since 1970. */
  tagged: bigint | undefined;
}

interface RawImageRow {
  id: Digest;
  media_type: string;
  size: number;
  tagged: string | null;
}

const toImageRow = ({ id, media_type, size, tagged }: RawImageRow): ImageRow => ({
  id,
  mediaType: media_type,
  size,
  tagged: tagged === null ? undefined : BigInt(tagged),
});

/** Names are full: `docker.io/library/busybox:latest`, `docker.io/library/busybox@sha256:…`. */
export class ImageTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(): ImageRow[] {
    return this.#database.all<RawImageRow>("SELECT id, media_type, size, tagged FROM images").map(toImageRow);
  }

  get(id: string): ImageRow | undefined {
    const row = this.#database.get<RawImageRow>(
      "SELECT id, media_type, size, tagged FROM images WHERE id = ?",
      id,
    );
    return row && toImageRow(row);
  }

  /** Those whose id starts with `prefix` (`sha256:` included), at most two. */
  withPrefix(prefix: string): ImageRow[] {
    const last = `${prefix}\u{10ffff}`;
    const sql = "SELECT id, media_type, size, tagged FROM images WHERE id >= ? AND id < ? LIMIT 2";
    return this.#database.all<RawImageRow>(sql, prefix, last).map(toImageRow);
  }

  put({ id, mediaType, size, tagged }: ImageRow): void {
    this.#database.run(
      `INSERT INTO images (id, media_type, size, tagged) VALUES (?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET tagged = coalesce(excluded.tagged, tagged)`,
      id,
      mediaType,
      size,
      tagged === undefined ? null : String(tagged),
    );
  }

  /** Its names go with it. */
  delete(id: Digest): void {
    this.#database.run("DELETE FROM images WHERE id = ?", id);
  }

  /** The image that has the name. */
  imageOf(name: string): Digest | undefined {
    return this.#database.get<{ image: Digest }>("SELECT image FROM image_names WHERE name = ?", name)?.image;
  }

  names(): { name: string; image: Digest }[] {
    return this.#database.all("SELECT name, image FROM image_names ORDER BY name");
  }

  namesOf(id: Digest): string[] {
    return this.#database
      .all<{ name: string }>("SELECT name FROM image_names WHERE image = ? ORDER BY name", id)
      .map(({ name }) => name);
  }

  setName(name: string, id: Digest): void {
    this.#database.run("INSERT OR REPLACE INTO image_names (name, image) VALUES (?, ?)", name, id);
  }

  /** The repositories that the image was pulled from or pushed to, by name. */
  repositoriesOf(id: Digest): string[] {
    return this.#database
      .all<{ repository: string }>(
        "SELECT repository FROM image_repositories WHERE image = ? ORDER BY repository",
        id,
      )
      .map(({ repository }) => repository);
  }

  /** `open`: it was had without credentials. */
  addRepository(id: Digest, repository: string, open: boolean): void {
    const sql = `INSERT INTO image_repositories (image, repository, open) VALUES (?, ?, ?)
                 ON CONFLICT (image, repository) DO UPDATE SET open = max(open, excluded.open)`;
    this.#database.run(sql, id, repository, open ? 1 : 0);
  }

  /** Those of its repositories that gave it to somebody without credentials. */
  openRepositoriesOf(id: Digest): string[] {
    return this.#database
      .all<{ repository: string }>(
        "SELECT repository FROM image_repositories WHERE image = ? AND open ORDER BY repository",
        id,
      )
      .map(({ repository }) => repository);
  }

  /** Under which other digests the image is known to repositories: its layers went there compressed. */
  pushedAs(id: Digest): { repository: string; digest: Digest }[] {
    return this.#database.all("SELECT repository, digest FROM pushed_documents WHERE image = ?", id);
  }

  /** The image that the repository knows by this digest. */
  imageOfPushed(repository: string, digest: Digest): Digest | undefined {
    const sql = "SELECT image FROM pushed_documents WHERE repository = ? AND digest = ?";
    return this.#database.get<{ image: Digest }>(sql, repository, digest)?.image;
  }

  setPushed(id: Digest, repository: string, digest: Digest): void {
    const sql = "INSERT OR REPLACE INTO pushed_documents (image, repository, digest) VALUES (?, ?, ?)";
    this.#database.run(sql, id, repository, digest);
  }

  deleteName(name: string): void {
    this.#database.run("DELETE FROM image_names WHERE name = ?", name);
  }
}

/**
 * What is to be kept although no image refers to it (yet). Times in milliseconds since 1970. A power failure ends the
 * work that a lease is for, so none of it waits for the disk.
 */
export class LeaseTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  put(id: string, expires: number): void {
    const sql =
      "INSERT INTO leases (id, expires) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET expires = excluded.expires";
    this.#database.relaxed(() => this.#database.run(sql, id, expires));
  }

  add(id: string, digests: readonly Digest[]): void {
    this.#database.relaxed(() => {
      for (const digest of digests) {
        this.#database.run("INSERT OR IGNORE INTO lease_items (lease, digest) VALUES (?, ?)", id, digest);
      }
    });
  }

  delete(id: string): void {
    this.#database.relaxed(() => this.#database.run("DELETE FROM leases WHERE id = ?", id));
  }

  itemsOf(id: string): Digest[] {
    return this.#database
      .all<{ digest: Digest }>("SELECT digest FROM lease_items WHERE lease = ?", id)
      .map(({ digest }) => digest);
  }

  deleteExpired(now: number): void {
    this.#database.run("DELETE FROM leases WHERE expires <= ?", now);
  }

  /** All digests that some lease keeps. */
  digests(): Digest[] {
    return this.#database
      .all<{ digest: Digest }>("SELECT DISTINCT digest FROM lease_items")
      .map(({ digest }) => digest);
  }
}
