import { chmodSync, chownSync, mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DiskWorkers } from "../archive/disk-workers.ts";
import type { Unpacked, UnpackJob } from "../archive/unpack.ts";
import { notFound } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import { type Digest, hexOf, parseDigest } from "../oci/digest.ts";
import type { Database } from "../store/database.ts";
import { LayerTable } from "../store/images.ts";
import type { BlobStore, Lease } from "./blobs.ts";
import { listLayers, syncNow } from "./files.ts";
import { SharedTasks } from "./shared-tasks.ts";
import type { Trash } from "./trash.ts";

export interface UnpackRequest {
  /** Digest of the uncompressed tar. */
  diffId: Digest;
  /** The blob that holds it, however it is compressed (its first bytes tell); it may still be on its way into the blob store, and is then unpacked as it arrives. */
  blob: Digest;
  signal?: AbortSignal;
  /** Compressed bytes consumed so far. */
  onProgress?: (consumed: number) => void;
}

interface UnpackOrder {
  /** Undefined when it is to be found out. */
  diffId?: Digest;
  blob: Digest;
  lease?: Lease;
  /** Of the folder in the making; the diffId where not given. */
  name?: Digest;
  /** What becomes of the folder when it is whole and verified: by default the layer. */
  commit?: (directory: string, made: Unpacked) => void | Promise<void>;
}

export interface LayerStoreOptions {
  dataRoot: string;
  database: Database;
  blobs: BlobStore;
  workers: DiskWorkers;
  trash: Trash;
  log: Logger;
  /** What names this boot of the kernel: the content of /proc/sys/kernel/random/boot_id. */
  bootId: string;
}

/** Ends the names of folders in the making. */
const partial = ".partial";

/** By then the kernel has written most of it out by itself, and asking for the rest is cheap. */
const syncDelayMillis = 60_000;

/**
 * Unpacked layers, each in its own folder `layers/<hex of the diffId>`, in the form in which overlay takes them as a
 * lower directory. Folders in the making are `layers/<hex>.partial`; they get their name when they are whole and
 * verified.
 *
 * The files of a layer are not flushed one by one: until the whole file system has been, the row names the boot in
 * which it was unpacked, and a layer of an earlier boot (the power failed) is thrown away and unpacked again when it is
 * needed.
 */
export class LayerStore {
  readonly #folder: string;
  readonly #table: LayerTable;
  readonly #blobs: BlobStore;
  readonly #workers: DiskWorkers;
  readonly #trash: Trash;
  readonly #log: Logger;
  readonly #bootId: string;
  readonly #tasks = new SharedTasks();
  /** Bytes of those that are there: every start of a container asks. */
  readonly #ready = new Map<Digest, number>();
  #syncTimer: ReturnType<typeof setTimeout> | undefined;

  constructor({ dataRoot, database, blobs, workers, trash, log, bootId }: LayerStoreOptions) {
    this.#folder = join(dataRoot, "layers");
    this.#table = new LayerTable(database);
    this.#blobs = blobs;
    this.#workers = workers;
    this.#trash = trash;
    this.#log = log;
    this.#bootId = bootId;
    mkdirSync(this.#folder, { recursive: true, mode: 0o710 });
  }

  /** Makes rows and folders agree; to be called once, before anything else uses the store. */
  reconcile(): void {
    const { digests, others } = listLayers(this.#folder);
    const unfinished = new Set<Digest>();
    for (const row of this.#table.all()) {
      const path = digests.get(row.diffId);
      if (path !== undefined && row.ready && (row.boot === "" || row.boot === this.#bootId)) {
        digests.delete(row.diffId);
        this.#ready.set(row.diffId, row.bytes);
        if (row.boot !== "") this.#syncLater();
      } else {
        if (path === undefined && row.ready) this.#log.warn("a layer has no folder", { layer: row.diffId });
        this.#table.delete(row.diffId);
        unfinished.add(row.diffId);
      }
    }
    for (const [diffId, path] of digests) {
      if (!unfinished.has(diffId)) this.#log.warn("removing a layer that no row tells of", { path });
      this.#trash.take(path);
    }
    for (const path of others) {
      if (!path.endsWith(partial)) this.#log.warn("removing what is no layer", { path });
      this.#trash.take(path);
    }
  }

  has(diffId: Digest): boolean {
    return this.#ready.has(diffId);
  }

  /** The layers that are there. */
  list(): Digest[] {
    return [...this.#ready.keys()];
  }

  /** The folder for overlay's `lowerdir`. Throws `notFound`. */
  path(diffId: Digest): string {
    if (!this.has(diffId)) throw notFound(`layer ${diffId}: not found`);
    return this.#pathOf(diffId);
  }

  #pathOf(diffId: Digest): string {
    return join(this.#folder, hexOf(parseDigest(diffId)));
  }

  /** Bytes of the files of the layer. Throws `notFound`. */
  size(diffId: Digest): number {
    const bytes = this.#ready.get(diffId);
    if (bytes === undefined) throw notFound(`layer ${diffId}: not found`);
    return bytes;
  }

  /** Bytes that the layer takes on the disk, as `du` counts them; none when it is not there (any more). */
  async diskBytes(diffId: Digest): Promise<number> {
    if (!this.has(diffId)) return 0;
    const path = this.path(diffId);
    const known = this.#table.diskBytes(diffId);
    if (known !== undefined) return known;
    const bytes = await this.#workers.run("diskUsage", { path });
    this.#table.setDiskBytes(diffId, bytes);
    return bytes;
  }

  /**
   * Unpacks a blob unless its layer is there; layers are unpacked side by side, and those who ask for the same wait for
   * one another. Throws `invalidArgument` when the content does not have the diffId or is not a valid archive,
   * `notFound` when the blob is neither there nor on its way.
   */
  async unpack(request: UnpackRequest): Promise<void> {
    const { diffId, signal, onProgress } = request;
    parseDigest(diffId);
    await this.#tasks.run(
      diffId,
      () => this.has(diffId),
      async (stop, progress) => void (await this.#unpack(request, stop, progress)),
      { signal, onProgress },
    );
  }

  /** Unpacks a blob whose diffId is not known yet, and tells it; `lease` keeps the layer. Throws like `unpack`. */
  async unpackNew(blob: Digest, lease: Lease, signal?: AbortSignal): Promise<Digest> {
    let diffId: Digest | undefined;
    const task = async (stop: AbortSignal) => {
      diffId = await this.#unpack({ blob, lease }, stop, () => {});
    };
    // Alone under its key: what it finds out is of use to this caller only.
    await this.#tasks.run(`${blob} ${newId()}`, () => diffId !== undefined, task, { signal });
    if (diffId === undefined) throw new Error("the layer has no diffId");
    return diffId;
  }

  async #unpack(
    { diffId, blob, lease, name = diffId ?? `sha256:${newId()}`, commit }: UnpackOrder,
    signal: AbortSignal,
    onProgress: (consumed: number) => void,
  ): Promise<Digest> {
    const source = this.#source(blob);
    const directory = this.#begin(name);
    try {
      const options = { whiteouts: "overlay", devices: true, freshRoot: true } as const;
      const job: UnpackJob = { ...source, directory, options, ...(diffId && { diffId }) };
      const made = await this.#workers.run("unpack", job, { signal, onProgress });
      lease?.add(made.diffId);
      await (commit ?? this.#commit.bind(this))(directory, made);
      if (name !== made.diffId) this.#table.delete(name);
      return made.diffId;
    } catch (error) {
      this.#trash.take(directory);
      this.#table.delete(name);
      this.#trash.emptyBehind(this.#log);
      throw error;
    }
  }

  /** Makes the folder of a layer in the making, with its row. */
  #begin(name: Digest): string {
    const directory = this.#pathOf(name) + partial;
    this.#table.put({ diffId: name, ready: false, bytes: 0, boot: this.#bootId });
    mkdirSync(directory);
    // Whatever the umask is, and whatever group the data root hands on.
    chownSync(directory, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
    chmodSync(directory, 0o755);
    return directory;
  }

  /**
   * Compares the layer with its blob, which is unpacked once more for it. Says where they differ first, or undefined;
   * with `mend`, what is new then takes the layer's place: for when nobody uses it. Throws what `unpack` throws.
   */
  async verify(diffId: Digest, blob: Digest, mend: boolean): Promise<string | undefined> {
    const path = this.path(diffId);
    const name: Digest = `sha256:${newId()}`;
    let difference: string | null = null;
    const compare = async (directory: string, made: Unpacked) => {
      difference = await this.#workers.run("compareTrees", { one: path, other: directory });
      if (difference === null || !mend) {
        this.#trash.take(directory);
        return;
      }
      this.discard(diffId);
      this.#commit(directory, made);
    };
    const request = { diffId, blob, name, commit: compare };
    await this.#unpack(request, new AbortController().signal, () => {});
    await this.#trash.empty();
    return difference ?? undefined;
  }

  #source(blob: Digest): Pick<UnpackJob, "sources" | "arrival" | "digest"> {
    // When the blob is there by the time the Worker opens the file, it has moved to its final place.
    const arriving = this.#blobs.arriving(blob);
    if (arriving) {
      const { path, ...known } = arriving;
      return { sources: [path, this.#blobs.path(blob)], ...known };
    }
    if (!this.#blobs.has(blob)) throw notFound(`content digest ${blob}: not found`);
    return { sources: [this.#blobs.path(blob)] };
  }

  #commit(directory: string, { diffId, bytes }: Pick<Unpacked, "diffId" | "bytes">): void {
    if (this.has(diffId)) {
      this.#trash.take(directory);
      this.#trash.emptyBehind(this.#log);
      return;
    }
    const target = this.#pathOf(diffId);
    renameSync(directory, target);
    syncNow(dirname(target));
    this.#table.put({ diffId, ready: true, bytes, boot: this.#bootId });
    this.#ready.set(diffId, bytes);
    this.#syncLater();
  }

  /**
   * Takes a directory in overlay's form (an upper directory, of the same file system) as the layer whose tar has this
   * diffId; `bytes` of regular files. Returns at once when the layer is there.
   */
  adopt(directory: string, diffId: Digest, bytes: number): void {
    if (!this.has(diffId)) this.#table.put({ diffId, ready: false, bytes: 0, boot: this.#bootId });
    this.#commit(directory, { diffId, bytes });
  }

  /** Moves a layer to the trash. Only for the collector, which knows that nothing uses it. */
  discard(diffId: Digest): void {
    this.#ready.delete(diffId);
    this.#table.delete(diffId);
    this.#trash.take(this.#pathOf(diffId));
  }

  #syncLater(): void {
    if (this.#syncTimer) return;
    this.#syncTimer = setTimeout(() => {
      this.#syncTimer = undefined;
      this.sync().catch((error: unknown) => this.#log.warn("cannot sync the layers", { error }));
    }, syncDelayMillis);
    this.#syncTimer.unref();
  }

  /** Makes all layers that are there now survive a power failure. */
  async sync(): Promise<void> {
    const fresh = this.#table.all().filter(({ ready, boot }) => ready && boot !== "");
    if (fresh.length === 0) return;
    await this.#workers.run("syncFileSystem", { path: this.#folder });
    this.#table.setSynced(fresh.map(({ diffId }) => diffId));
  }

  /** Whether a layer that is there survives a power failure by now. */
  isSynced(diffId: Digest): boolean {
    return this.has(diffId) && this.#table.isSynced(diffId);
  }

  /** Stops unpacking; what is unpacked is kept. */
  async stop(): Promise<void> {
    clearTimeout(this.#syncTimer);
    await this.#tasks.stop();
  }
}
