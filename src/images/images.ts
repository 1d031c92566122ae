import { KeyedQueue, waitAtMost } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import { internal, invalidArgument, isEngineError, messageOf, notFound } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { formatPlatform, hostPlatform, type Platform, platformDistance } from "../oci/platform.ts";
import { familiarName, familiarString, fullName, type Reference } from "../oci/reference.ts";
import type { Database } from "../store/database.ts";
import { type ImageRow, ImageTable } from "../store/images.ts";
import type { BlobDescriptor, BlobStore } from "./blobs.ts";
import { collect, unreachable } from "./collect.ts";
import { ImageContent, type Variant } from "./content.ts";
import { historyOf } from "./history.ts";
import type { DeletedItem, HistoryItem, Image, ImageUser } from "./image.ts";
import type { ImageEventSink } from "./image-events.ts";
import { type ImportOptions, importImage } from "./import.ts";
import type { LayerStore } from "./layers.ts";
import type { StoredLease } from "./leases.ts";
import { type Loaded, type LoadOptions, loadImages } from "./load.ts";
import { findImage, imageNamed } from "./lookup.ts";
import { noSuchImage, shownNames, storedName } from "./names.ts";
import { removeImage } from "./remove.ts";
import { removePlatforms } from "./remove-platform.ts";
import { type SaveSource, saveImages, selectContent } from "./save.ts";
import type { Trash } from "./trash.ts";

export interface ImageStoreOptions {
  database: Database;
  blobs: BlobStore;
  layers: LayerStore;
  trash: Trash;
  clock: Clock;
  log: Logger;
  /** The containers, each with the id of its image: what they need is neither removed nor swept. */
  inUse: () => Iterable<ImageUser>;
  /** Further blobs and layers that are not swept: what the build cache has. */
  retained?: () => Iterable<Digest>;
  onEvent?: ImageEventSink;
  /** What containers run on when nobody says otherwise. */
  host?: Platform;
}

export interface PruneOptions {
  /** Also images that have a tag, when no container uses them. */
  all?: boolean;
  /** Which of them (the filters `until` and `label`). */
  filter?: (image: Image) => boolean;
}

/** For how long an answer waits for files to be deleted, in milliseconds: whoever needs the space mostly has it then. */
const deletionPatience = 1000;

/** The images: what has a name or had one, out of the blobs and layers. */
export class ImageStore {
  readonly #database: Database;
  readonly #table: ImageTable;
  readonly #blobs: BlobStore;
  readonly #layers: LayerStore;
  readonly #trash: Trash;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #inUse: () => Iterable<ImageUser>;
  readonly #retained: () => Iterable<Digest>;
  readonly #onEvent: ImageEventSink;
  readonly #host: Platform;
  readonly #content: ImageContent;
  readonly #queue = new KeyedQueue();

  constructor(options: ImageStoreOptions) {
    this.#database = options.database;
    this.#table = new ImageTable(options.database);
    this.#blobs = options.blobs;
    this.#layers = options.layers;
    this.#trash = options.trash;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#inUse = options.inUse;
    this.#retained = options.retained ?? (() => []);
    this.#onEvent = options.onEvent ?? (() => {});
    this.#host = options.host ?? hostPlatform();
    this.#content = new ImageContent(this.#blobs, (diffId) => this.#layers.has(diffId));
  }

  /**
   * Makes rows agree with the blobs and layers, whose own `reconcile` has to come first: an image whose document is
   * gone is gone, what nothing refers to is swept, and the trash emptied. To be called once at start, when the
   * containers are known.
   */
  async reconcile(): Promise<void> {
    for (const { id } of this.#table.all()) {
      if (this.#blobs.has(id)) continue;
      this.#log.warn("an image is lost: its manifest is not there", { image: id });
      this.#table.delete(id);
    }
    await this.collect();
  }

  /**
   * Finds an image by name, full id or the start of an id. Without `platform` the best that is there for the host is
   * taken, or any. Throws `notFound`: `No such image: x:latest`.
   */
  resolve(nameOrId: string, platform?: Platform): Image {
    const { row, reference } = findImage(this.#table, nameOrId);
    const variant = this.#choose(row, platform);
    if (variant) return this.#toImage(row, variant);
    if (!platform) throw noSuchImage(nameOrId);
    const name = reference ? familiarString(reference) : nameOrId;
    throw notFound(
      `image with reference ${name} was found but does not provide the specified platform (${formatPlatform(platform)})`,
    );
  }

  /** All images, in no order. One that has nothing for any platform is left out. */
  list(): Image[] {
    const names = Map.groupBy(this.#table.names(), ({ image }) => image);
    return this.#table.all().flatMap((row) => {
      const variant = this.#choose(row, undefined);
      if (!variant) return [];
      const own = names.get(row.id) ?? [];
      return [
        this.#toImage(
          row,
          variant,
          own.map(({ name }) => name),
        ),
      ];
    });
  }

  /** All images, with their full names and all that is there of each, for any platform. */
  everything(): { id: Digest; names: string[]; variants: Variant[] }[] {
    return this.#table.all().map(({ id }) => ({
      id,
      names: this.#table.namesOf(id),
      variants: this.#content.variants(id),
    }));
  }

  /** What of the image is there, for all platforms; attestations are among them. */
  variants(image: Image): Variant[] {
    return this.#content.variants(image.id);
  }

  /**
   * With `platform`, only what runs there natively; without, the best for the host, or else the first that is there.
   */
  #choose(row: ImageRow, platform: Platform | undefined): Variant | undefined {
    const wanted = platform ?? this.#host;
    const limit = platform ? 100 : Number.POSITIVE_INFINITY;
    let best: Variant | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const variant of this.#content.variants(row.id)) {
      if (!variant.config || !variant.complete || !variant.platform) continue;
      const distance = platformDistance(wanted, variant.platform) ?? (platform ? limit : 1000);
      if (distance < least && distance < limit) [best, least] = [variant, distance];
    }
    return best;
  }

  #toImage(
    row: ImageRow,
    { digest, manifest, config, platform }: Variant,
    names = this.#table.namesOf(row.id),
  ): Image {
    if (!config || !platform) throw internal(`image ${row.id} has no configuration`);
    const layers = config.rootfs.diff_ids;
    const contentSize = this.#content.blobSize(row.id);
    const unpackedSize = layers.reduce((sum, diffId) => sum + this.#sizeOf(diffId), 0);
    return {
      id: row.id,
      target: { mediaType: row.mediaType, digest: row.id, size: row.size },
      ...shownNames(row.id, names, this.#table.pushedAs(row.id)),
      manifestDigest: digest,
      manifest,
      config,
      configDigest: manifest.config.digest,
      layers,
      platform,
      created: config.created,
      contentSize,
      unpackedSize,
      size: contentSize + unpackedSize,
      lastTagged: row.tagged,
    };
  }

  #sizeOf(diffId: Digest): number {
    return this.#layers.has(diffId) ? this.#layers.size(diffId) : 0;
  }

  /**
   * Records that `reference` (with tag or digest) names `target`, whose manifests, configurations and layers are in the
   * stores for at least one platform; without a reference, an image without a name. The image that had the name before
   * stays, without it. Throws `notFound` when the document of `target` is not there, `invalidArgument` for a name that
   * would be taken for a digest.
   */
  put(target: Descriptor, reference?: Reference): void {
    if (!this.#blobs.has(target.digest)) throw notFound(`content digest ${target.digest}: not found`);
    if (reference && familiarName(reference) === "sha256") {
      throw invalidArgument("refusing to create an ambiguous tag using digest algorithm as name");
    }
    const { digest: id, mediaType, size } = target;
    const name = reference && storedName(reference);
    const tagged = name === undefined ? undefined : this.#clock.nowNanos();
    const row = { id, mediaType, size, tagged };
    if (name !== undefined && this.#table.imageOf(name) === id) {
      // Only the time is new, which is not worth a wait for the disk: each build that finds everything cached comes here.
      this.#database.relaxed(() => this.#table.put(row));
      return;
    }
    this.#database.transaction(() => {
      this.#table.put(row);
      if (name !== undefined) this.#table.setName(name, id);
    });
  }

  /**
   * Unpacks the layers of the image that are not there (any more, or yet), side by side. Each start of a container asks
   * for it, so it costs nothing when there is nothing to do. `onProgress`: compressed bytes of one layer consumed so
   * far.
   */
  async ensureUnpacked(
    image: Pick<Image, "layers" | "manifest">,
    onProgress: (layer: Descriptor, consumed: number) => void = () => {},
    signal?: AbortSignal,
  ): Promise<void> {
    const missing = image.layers.flatMap((diffId, at) => {
      const layer = image.manifest.layers[at];
      return layer && !this.#layers.has(diffId) ? [{ diffId, layer }] : [];
    });
    if (missing.length === 0) return;
    await Promise.all(
      missing.map(({ diffId, layer }) =>
        this.#layers.unpack({
          diffId,
          blob: layer.digest,
          onProgress: (consumed) => onProgress(layer, consumed),
          ...(signal && { signal }),
        }),
      ),
    );
  }

  /** Gives the image another name. Throws as `put` does. */
  tag(nameOrId: string, reference: Reference): void {
    const { row } = findImage(this.#table, nameOrId);
    this.put({ mediaType: row.mediaType, digest: row.id, size: row.size }, reference);
    this.#onEvent({
      action: "tag",
      id: row.id,
      name: familiarString({ ...reference, tag: reference.tag ?? "latest" }),
    });
  }

  /** `docker rmi`, in Docker's words; one at a time. Throws `notFound`, `conflict`. */
  remove(
    nameOrId: string,
    options: { force?: boolean; platforms?: readonly Platform[] } = {},
  ): Promise<DeletedItem[]> {
    return this.#queue.run("", async () => {
      const found = findImage(this.#table, nameOrId);
      if (options.platforms && options.platforms.length > 0) {
        return this.#removePlatforms(found.row.id, nameOrId, options.platforms);
      }
      const context = { table: this.#table, users: this.#inUse, onEvent: this.#onEvent };
      const items = this.#database.transaction(() =>
        removeImage(context, found, nameOrId, options.force ?? false),
      );
      if (items.some((item) => "Deleted" in item)) await this.collect();
      return items;
    });
  }

  async #removePlatforms(id: Digest, named: string, platforms: readonly Platform[]): Promise<DeletedItem[]> {
    const used = new Set<Digest>();
    for (const imageId of this.#used()) {
      const row = this.#table.get(imageId);
      const variant = row && this.#choose(row, undefined);
      if (variant) used.add(variant.digest);
    }
    const image = { id, variants: this.#content.variants(id) };
    const items = removePlatforms(this.#blobs, { image, others: this.everything(), platforms, used, named });
    await this.collect();
    return items;
  }

  /** Removes images that no container uses: those without a tag, or all. */
  prune(options: PruneOptions = {}): Promise<{ deleted: DeletedItem[]; reclaimed: number }> {
    return this.#queue.run("", async () => {
      const used = new Set([...this.#inUse()].map(({ imageId }) => imageId));
      const context = { table: this.#table, users: this.#inUse, onEvent: this.#onEvent };
      const candidates = this.list().filter(
        (image) =>
          !used.has(image.id) &&
          (options.all || image.repoTags.length === 0) &&
          (options.filter?.(image) ?? true),
      );
      const deleted = candidates.flatMap((image) =>
        this.#database.transaction(() =>
          removeImage(context, findImage(this.#table, image.id), image.id, true),
        ),
      );
      const { reclaimed } = await this.collect();
      return { deleted, reclaimed };
    });
  }

  /**
   * Sweeps what neither an image, nor a container, nor a lease refers to. Resolves when the space is free; where there is
   * much to delete, that goes on behind.
   */
  async collect(): Promise<{ reclaimed: number }> {
    const roots = this.#table.all().map(({ id }) => id);
    const collected = collect([...roots, ...this.#used(), ...this.#retained()], this.#stores());
    const emptied = this.#trash.empty().catch((error: unknown) => {
      // What a shutdown leaves is deleted at the next start.
      if (isEngineError(error, "cancelled")) return;
      this.#log.warn("cannot empty the trash", { error: messageOf(error) });
    });
    await waitAtMost(deletionPatience, emptied);
    return collected;
  }

  /** The blobs and layers that would go if all images that no container uses were removed. */
  reclaimable(): ReturnType<typeof unreachable> {
    return unreachable([...this.#used(), ...this.#retained()], this.#stores());
  }

  #used(): Digest[] {
    return [...this.#inUse()].map(({ imageId }) => imageId as Digest);
  }

  #stores() {
    return { blobs: this.#blobs, layers: this.#layers, content: this.#content };
  }

  history(nameOrId: string, platform?: Platform): HistoryItem[] {
    return historyOf(this.resolve(nameOrId, platform), (diffId) => this.#sizeOf(diffId));
  }

  /** The target of a name, or undefined: whether a pull has anything to do. */
  targetOf(reference: Reference): Digest | undefined {
    return imageNamed(this.#table, reference);
  }

  /** The full names (`docker.io/library/busybox:latest`) that an image has. */
  namesOf(id: Digest): string[] {
    return this.#table.namesOf(id);
  }

  /** The repositories (`docker.io/library/busybox`) that an image was pulled from or pushed to. */
  repositoriesOf(id: Digest): string[] {
    return this.#table.repositoriesOf(id);
  }

  /** The image was pulled from there, or pushed there; `open`: and anybody may pull it. */
  addRepository(id: Digest, reference: Reference, open: boolean): void {
    this.#table.addRepository(id, fullName(reference), open);
  }

  /** Repositories that know the image by another digest, since its layers went there compressed. */
  pushedAs(id: Digest): { repository: string; digest: Digest }[] {
    return this.#table.pushedAs(id);
  }

  setPushed(id: Digest, reference: Reference, digest: Digest): void {
    this.#table.setPushed(id, fullName(reference), digest);
  }

  /** The repositories that give the image to anybody. */
  openRepositoriesOf(id: Digest): string[] {
    return this.#table.openRepositoriesOf(id);
  }

  /** `docker save`: see `saveImages`. */
  save(nameOrIds: readonly string[], platforms: readonly Platform[] = []): AsyncGenerator<Uint8Array> {
    return saveImages(this.#saveSource(), nameOrIds, platforms);
  }

  /** All that a `save` of these reads, of what is here or was dropped. Throws `notFound`. */
  savedContent(nameOrIds: readonly string[], platforms: readonly Platform[] = []): Digest[] {
    return [...selectContent(this.#saveSource(), nameOrIds, platforms).content];
  }

  /**
   * Gives `use` the archive of an image that need not be an image here: written, but without a row. `called`: the full
   * names that the archive gives it.
   */
  archived(
    target: Descriptor,
    called: readonly string[],
    use: (archive: AsyncGenerator<Uint8Array>) => Promise<void>,
  ): Promise<void> {
    const { digest: id, mediaType, size } = target;
    const row = { id, mediaType, size, tagged: undefined };
    const resolve = (_: string, platform?: Platform) => {
      const variant = this.#choose(row, platform);
      if (!variant) throw noSuchImage(id);
      return this.#toImage(row, variant);
    };
    return use(saveImages({ ...this.#saveSource(), resolve, onEvent: () => {} }, [id], [], called));
  }

  /**
   * The blobs of all that is here of an image, which need not be an image here: written, but without a row. Throws
   * `notFound` where a layer has none.
   */
  blobsOf({ digest }: Descriptor): BlobDescriptor[] {
    for (const { manifest } of this.#content.variants(digest)) {
      const missing = manifest.layers.find((layer) => !this.#blobs.has(layer.digest));
      if (missing !== undefined) throw notFound(`content digest ${missing.digest}: not found`);
    }
    return [...this.#content.blobsOf(digest)].flatMap((one) => {
      const size = this.#blobs.size(one);
      return size === undefined ? [] : [{ digest: one, size }];
    });
  }

  #saveSource(): SaveSource {
    const resolve = (nameOrId: string, wanted?: Platform) => this.resolve(nameOrId, wanted);
    const { onEvent, blobs } = this.#parts();
    return { blobs, content: this.#content, resolve, names: () => this.names(), onEvent };
  }

  /** `docker load`: see `loadImages`. */
  load(chunks: AsyncIterable<Uint8Array>, options: LoadOptions = {}): Promise<Loaded[]> {
    const target = { ...this.#parts(), layers: this.#layers, content: this.#content };
    return this.#orNothing(loadImages(target, chunks, options));
  }

  /** Of work that fails nothing stays. */
  async #orNothing<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      await this.collect();
      throw error;
    }
  }

  /**
   * Gives up a pull for which there was no room: what it has brought goes, since the next attempt would find no more
   * room than this one.
   */
  async abandon(lease: StoredLease): Promise<void> {
    await this.#blobs.abandon(lease);
    await this.collect();
  }

  /** `docker import`: see `importImage`. */
  import(chunks: AsyncIterable<Uint8Array>, options: ImportOptions = {}): Promise<Digest> {
    const target = { ...this.#parts(), layers: this.#layers, clock: this.#clock };
    return this.#orNothing(importImage(target, chunks, options));
  }

  #parts() {
    return { blobs: this.#blobs, images: this, host: this.#host, onEvent: this.#onEvent };
  }

  /** All names, each with its image. */
  names(): { name: string; image: Digest }[] {
    return this.#table.names();
  }
}
