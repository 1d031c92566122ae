import { detectCompression } from "../archive/compression.ts";
import { isTar } from "../archive/tar-header.ts";
import { isEngineError } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { maxManifestSize } from "../oci/manifest.ts";
import { type Platform, platformDistance } from "../oci/platform.ts";
import type { BlobDescriptor, BlobStore, Lease } from "./blobs.ts";
import type { ImageContent } from "./content.ts";
import type { LayerStore } from "./layers.ts";

export interface EarlyUnpackParts {
  blobs: BlobStore;
  layers: LayerStore;
  content: ImageContent;
  host: Platform;
}

/**
 * Unpacks layers of an image archive while the rest of it is still being read, as soon as it can be told that this host
 * will want them. Nothing depends on it: what fails here, or is not recognised, is unpacked (and complained of) when its
 * image is taken.
 */
export class EarlyUnpack implements AsyncDisposable {
  readonly #parts: EarlyUnpackParts;
  readonly #lease: Lease;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>[] = [];
  /** Documents that may be manifests whose configuration is still to come. */
  readonly #documents = new Set<Digest>();
  /** diffIds, by the blob, of the images for this host whose manifest and configuration have been seen. */
  readonly #diffIds = new Map<Digest, Digest>();

  constructor(parts: EarlyUnpackParts, lease: Lease) {
    this.#parts = parts;
    this.#lease = lease;
  }

  /** A file of the archive is in the blob store. `named`: by its digest, so that others may tell what it is. */
  take({ digest, size }: BlobDescriptor, named: boolean): void {
    const start = this.#parts.blobs.start(digest, 512);
    if (start[0] === 0x7b && size <= maxManifestSize) {
      this.#documents.add(digest);
      this.#readDocuments();
      return;
    }
    const diffId = this.#diffIds.get(digest) ?? (isTar(start) ? digest : undefined);
    if (diffId !== undefined) this.#start(this.#unpack(digest, diffId));
    // Archives in Docker's older form are for one platform.
    else if (!named && detectCompression(start) !== "none") this.#start(this.#unpackNew(digest));
  }

  #readDocuments(): void {
    for (const digest of this.#documents) {
      for (const { config, manifest, platform } of this.#variants(digest)) {
        if (!config) continue;
        this.#documents.delete(digest);
        if (!platform || platformDistance(this.#parts.host, platform) === undefined) continue;
        for (const [at, diffId] of config.rootfs.diff_ids.entries()) {
          const layer = manifest.layers[at];
          if (layer) this.#diffIds.set(layer.digest, diffId);
        }
      }
    }
  }

  #variants(digest: Digest) {
    try {
      return this.#parts.content.variants(digest);
    } catch (error) {
      // A configuration, or anything else that is JSON.
      if (!isEngineError(error)) throw error;
      this.#documents.delete(digest);
      return [];
    }
  }

  #start(work: Promise<unknown>): void {
    // See above: whoever needs the layer says what is wrong with it.
    this.#running.push(work.catch(() => {}));
  }

  #unpack(blob: Digest, diffId: Digest): Promise<void> {
    this.#lease.add(diffId);
    return this.#parts.layers.unpack({ diffId, blob, signal: this.#stop.signal });
  }

  #unpackNew(blob: Digest): Promise<Digest> {
    return this.#parts.layers.unpackNew(blob, this.#lease, this.#stop.signal);
  }

  /** Resolves when all that was begun is over. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.settled();
  }
}
