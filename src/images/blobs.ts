import {
  closeSync,
  createReadStream,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { cancelled, invalidArgument, notFound } from "../base/errors.ts";
import { cryptoRandom, newId, type RandomBytes } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import { algorithmOf, type Digest, parseDigest } from "../oci/digest.ts";
import { sha256Of } from "../oci/digester.ts";
import { maxImageConfigSize } from "../oci/image-config.ts";
import type { Database } from "../store/database.ts";
import { BlobTable, type DroppedBlob, LeaseTable } from "../store/images.ts";
import { digestPath, listDigests, syncNow, writeDurably, writeHashed } from "./files.ts";
import { Ingest } from "./ingest.ts";
import { HeldLease, type Lease, StoredLease } from "./leases.ts";
import { type ReceivedBlob, ReceivedFiles } from "./received.ts";
import { SharedTasks, type WaitOptions } from "./shared-tasks.ts";
import type { Trash } from "./trash.ts";

export type { Lease } from "./leases.ts";

/** What a blob is expected to be; `size` in bytes. */
export interface BlobDescriptor {
  digest: Digest;
  size: number;
}

/**
 * Where the bytes of a blob that is not there yet go. `offset` says how many bytes are held already (from an earlier
 * attempt, or from before a restart): fetch from there.
 */
export interface BlobWriter extends BlobDescriptor {
  readonly offset: number;
  /** Fires when nobody waits for the blob any more. */
  readonly signal: AbortSignal;
  /**
   * Appends; resolves when more may be given, and `chunk` may be used again. Throws `invalidArgument` when more than
   * `size` bytes come.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** Forgets what is held: the source cannot go on in the middle. `offset` is 0 afterwards. */
  restart(): Promise<void>;
}

/** `signal`: gives up waiting. `onProgress`: bytes held so far, now and then. */
export type IngestOptions = WaitOptions;

export interface BlobStoreOptions {
  dataRoot: string;
  database: Database;
  trash: Trash;
  clock: Clock;
  log: Logger;
  random?: RandomBytes;
}

/** For how long parts of blobs, and what a pull that broke off has brought, are kept for the next attempt. */
const keepMillis = 7 * 24 * 3600 * 1000;

/**
 * Content-addressed files below `blobs/`, and parts of such files below `ingest/`. A blob is visible when it is whole,
 * verified and durable: ingest, verify, fsync, rename, row.
 */
export class BlobStore {
  readonly #folder: string;
  readonly #ingestFolder: string;
  readonly #table: BlobTable;
  readonly #leases: LeaseTable;
  readonly #held = new Set<HeldLease>();
  readonly #trash: Trash;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #random: RandomBytes;
  readonly #tasks = new SharedTasks();
  readonly #ingests = new Map<Digest, Ingest>();
  readonly #received = new ReceivedFiles((path, blob) => this.#adopt(path, blob));

  constructor({ dataRoot, database, trash, clock, log, random = cryptoRandom }: BlobStoreOptions) {
    this.#folder = join(dataRoot, "blobs");
    this.#ingestFolder = join(dataRoot, "ingest");
    this.#table = new BlobTable(database);
    this.#leases = new LeaseTable(database);
    this.#trash = trash;
    this.#clock = clock;
    this.#log = log;
    this.#random = random;
    mkdirSync(join(this.#folder, "sha256"), { recursive: true, mode: 0o700 });
    mkdirSync(this.#ingestFolder, { recursive: true, mode: 0o700 });
  }

  /**
   * Makes rows and files agree; to be called once, before anything else uses the store. Parts of blobs stay for as long
   * as their age allows; a blob without a row goes to the trash, a row without a file is deleted.
   */
  reconcile(): void {
    this.#reconcileIngests();
    const { digests, others } = listDigests(this.#folder);
    for (const { digest, size } of this.#table.all()) {
      const path = digests.get(digest);
      digests.delete(digest);
      if (path !== undefined && statSync(path).size === size) continue;
      this.#log.warn(path === undefined ? "a blob has no file" : "a blob has not its size", { blob: digest });
      if (path !== undefined) this.#trash.take(path);
      this.#table.delete(digest);
    }
    for (const path of [...digests.values(), ...others]) {
      this.#log.warn("removing a blob that no row tells of", { path });
      this.#trash.take(path);
    }
    this.#leases.deleteExpired(this.#clock.now());
  }

  #reconcileIngests(): void {
    const names = new Set(readdirSync(this.#ingestFolder));
    for (const row of this.#table.ingests()) {
      const name = row.digest.replace(":", "-");
      const blob = this.path(row.digest);
      if (row.touched + keepMillis < this.#clock.now()) this.#table.deleteIngest(row.digest);
      else if (names.delete(name)) continue;
      // It was verified and renamed, and then the daemon died: only the row is missing.
      else if (statSync(blob, { throwIfNoEntry: false })?.size === row.size) this.#table.insert(row);
      else this.#table.deleteIngest(row.digest);
    }
    for (const name of names) this.#trash.take(join(this.#ingestFolder, name));
  }

  has(digest: Digest): boolean {
    return this.#table.size(digest) !== undefined;
  }

  /** Size in bytes, or undefined when the blob is not there. */
  size(digest: Digest): number | undefined {
    return this.#table.size(digest);
  }

  /** All blobs that are there. */
  list(): BlobDescriptor[] {
    return this.#table.all();
  }

  /** The path of the blob's file. */
  path(digest: Digest): string {
    return digestPath(this.#folder, parseDigest(digest));
  }

  #require(digest: Digest): void {
    if (!this.has(digest)) throw notFound(`content digest ${digest}: not found`);
  }

  /** The whole blob (a manifest, a configuration), of at most `limit` bytes. Throws `notFound`, `invalidArgument`. */
  read(digest: Digest, limit = maxImageConfigSize): Uint8Array {
    const size = this.size(digest);
    this.#require(digest);
    if (size !== undefined && size > limit)
      throw invalidArgument(`blob ${digest} is larger than ${limit} bytes`);
    return readFileSync(this.path(digest));
  }

  /** The first `length` bytes, or what there is; also of what is not durable yet. Throws `notFound`. */
  start(digest: Digest, length: number): Uint8Array {
    const received = this.#received.path(digest);
    if (received === undefined) this.#require(digest);
    const buffer = new Uint8Array(length);
    const fd = openSync(received ?? this.path(digest), "r");
    try {
      return buffer.subarray(0, readSync(fd, buffer, 0, length, 0));
    } finally {
      closeSync(fd);
    }
  }

  /** The blob from `offset` on. Throws `notFound`. */
  stream(digest: Digest, offset = 0): ReadableStream<Uint8Array> {
    this.#require(digest);
    const file = createReadStream(this.path(digest), { start: offset, highWaterMark: 256 * 1024 });
    return Readable.toWeb(file) as ReadableStream<Uint8Array>;
  }

  /** Stores a small blob, durably. */
  put(bytes: Uint8Array): Digest {
    const digest = sha256Of(bytes);
    if (this.has(digest)) return digest;
    const path = this.temporaryPath();
    try {
      writeDurably(path, bytes);
      this.#adopt(path, { digest, size: bytes.length });
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
    return digest;
  }

  /**
   * Stores what comes, of any size, and tells its digest, which `lease` keeps. Throws `invalidArgument` when `expected`
   * is given and the bytes do not have it. Nothing stays of what could not be read to its end.
   */
  async store(chunks: AsyncIterable<Uint8Array>, lease: Lease, expected?: Digest): Promise<BlobDescriptor> {
    const { digest, size, durable } = await this.receive(chunks, lease, expected);
    await durable;
    return { digest, size };
  }

  /** As `store`, but returns when all has been read: the blob's layer can be unpacked while the disk still writes. */
  async receive(chunks: AsyncIterable<Uint8Array>, lease: Lease, expected?: Digest): Promise<ReceivedBlob> {
    const algorithm = expected === undefined ? "sha256" : algorithmOf(parseDigest(expected));
    const path = this.temporaryPath();
    try {
      const { hex, size } = await writeHashed(path, algorithm, chunks);
      const digest: Digest = `${algorithm}:${hex}`;
      if (expected !== undefined && digest !== expected) {
        throw invalidArgument(`blob does not have its digest: expected ${expected}, got ${digest}`);
      }
      lease.add(digest);
      return this.#received.take(path, { digest, size });
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  }

  /** A path for a file that is to be adopted; what is there at the next start is swept. */
  temporaryPath(): string {
    return join(this.#ingestFolder, `put-${newId(this.#random)}`);
  }

  /** Takes over a file whose digest the caller has computed; it must be on the same file system, and nobody else's. */
  adopt(path: string, blob: BlobDescriptor): void {
    syncNow(path);
    this.#adopt(path, blob);
  }

  #adopt(path: string, blob: BlobDescriptor): void {
    const target = this.path(blob.digest);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    renameSync(path, target);
    syncNow(dirname(target));
    this.#table.insert(blob);
  }

  /**
   * Makes sure that the blob is there. `fill` fetches what is missing; those who ask for the same blob meanwhile wait
   * for the same `fill`. What was written stays for the next attempt when `fill` throws. Throws `invalidArgument` when
   * the bytes do not have the digest or the size (and forgets them), `unavailable` when `fill` ends too early, and what
   * `fill` throws.
   */
  async ingest(
    blob: BlobDescriptor,
    fill: (writer: BlobWriter) => Promise<void>,
    options: IngestOptions = {},
  ): Promise<void> {
    const { digest } = blob;
    parseDigest(digest);
    await this.#tasks.run(
      digest,
      () => this.has(digest),
      (signal, onProgress) => this.#run(blob, fill, signal, onProgress),
      options,
    );
    const size = this.size(digest);
    if (size !== undefined && size !== blob.size) {
      throw invalidArgument(`blob ${digest} has ${size} bytes, not ${blob.size}`);
    }
  }

  async #run(
    blob: BlobDescriptor,
    fill: (writer: BlobWriter) => Promise<void>,
    signal: AbortSignal,
    onProgress: (offset: number) => void,
  ): Promise<void> {
    const { digest, size } = blob;
    const path = this.#partPath(digest);
    this.#table.insertIngest({ digest, size, touched: this.#clock.now() });
    try {
      await using ingest = new Ingest(blob, path, signal, onProgress);
      await ingest.open();
      this.#ingests.set(digest, ingest);
      if (signal.aborted) throw cancelled("context canceled");
      if (ingest.offset < size) await fill(ingest);
      await ingest.finish();
    } catch (error) {
      this.#forgetEmpty(digest, path);
      throw error;
    } finally {
      this.#ingests.delete(digest);
    }
    this.#adopt(path, blob);
  }

  /** Of an attempt that brought nothing, or only wrong bytes, nothing stays. */
  #forgetEmpty(digest: Digest, path: string): void {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
    rmSync(path, { force: true });
    this.#table.deleteIngest(digest);
  }

  /**
   * Where a blob can be read while it is still coming (`arrival` says how far), or not durable yet (`digest`: it has been
   * verified just now); undefined when it is not on its way.
   */
  arriving(digest: Digest): { path: string; arrival?: SharedArrayBuffer; digest?: Digest } | undefined {
    const ingest = this.#ingests.get(digest);
    if (ingest) return { path: ingest.path, arrival: ingest.arrival() };
    const received = this.#received.path(digest);
    return received === undefined ? undefined : { path: received, digest };
  }

  /** Keeps what is used from being swept until it is released, or this process ends. */
  lease(): Lease {
    return new HeldLease(this.#held);
  }

  /** Keeps it until it is released, or else for a week. The same `id` continues an earlier lease. */
  storedLease(id: string): StoredLease {
    return new StoredLease(this.#leases, id, this.#clock.now() + keepMillis);
  }

  /**
   * Releases a lease, and forgets the parts of blobs that it kept for the next attempt; not of those that somebody else
   * fetches now.
   */
  async abandon(lease: StoredLease): Promise<void> {
    const digests = this.#leases.itemsOf(lease.id);
    lease.release();
    for (const digest of digests) {
      await this.#tasks.ended(digest);
      if (this.#tasks.has(digest) || this.has(digest)) continue;
      this.#trash.take(this.#partPath(digest));
      this.#table.deleteIngest(digest);
    }
  }

  #partPath(digest: Digest): string {
    return join(this.#ingestFolder, digest.replace(":", "-"));
  }

  /** All digests that leases keep. */
  leased(): Digest[] {
    this.#leases.deleteExpired(this.#clock.now());
    return [...this.#leases.digests(), ...[...this.#held].flatMap(({ digests }) => [...digests])];
  }

  /** Marks a document as written here: what is pushed of it need not be what is kept. */
  setOwn(digest: Digest): void {
    this.#table.setOwn(digest);
  }

  isOwn(digest: Digest): boolean {
    return this.#table.isOwn(digest);
  }

  /** The compressed form of a plain layer, when it is here. */
  compressedOf(plain: Digest): BlobDescriptor | undefined {
    const known = this.#table.compressedOf(plain);
    return known && this.has(known.digest) ? known : undefined;
  }

  setCompressed(plain: Digest, blob: BlobDescriptor): void {
    this.#table.setCompressed(plain, blob);
  }

  /** All compressed forms: each stays as long as its plain layer. */
  compressed(): { plain: Digest; digest: Digest }[] {
    return this.#table.compressed();
  }

  /** What is known of a blob that was dropped; undefined when it is here, or never was. */
  dropped(digest: Digest): DroppedBlob | undefined {
    return this.#table.droppedBlob(digest);
  }

  /** Gives up the file of a blob that a registry can give again, and whose layer is here for good. */
  drop(blob: DroppedBlob): void {
    this.#table.drop(blob);
    this.#trash.take(this.path(blob.digest));
  }

  /** Blobs count as dropped only as long as their layer is here; `hasLayer` says whether it is. */
  forgetDropped(hasLayer: (diffId: Digest) => boolean): void {
    for (const { digest, diffId } of this.#table.dropped()) {
      if (!hasLayer(diffId)) this.#table.deleteDropped(digest);
    }
  }

  /** Moves a blob to the trash. Only for the collector, which knows that nothing refers to it. */
  discard(digest: Digest): void {
    this.#table.delete(digest);
    this.#trash.take(this.path(digest));
  }

  /** Stops what is on its way; its parts stay for the next start. */
  async stop(): Promise<void> {
    await this.#tasks.stop();
  }
}
