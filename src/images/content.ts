import { isEngineError } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { type ImageConfig, parseImageConfig, platformOf } from "../oci/image-config.ts";
import {
  type Descriptor,
  type Index,
  isIndex,
  type Manifest,
  maxIndexDepth,
  maxManifestSize,
  parseManifestOrIndex,
} from "../oci/manifest.ts";
import { isImageConfigType } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import type { BlobStore } from "./blobs.ts";

/** An image for one platform, as its manifest says it. */
export interface Variant {
  digest: Digest;
  /** Whether the configuration and all layers are there: as blobs, or unpacked. */
  complete: boolean;
  manifest: Manifest;
  /** Undefined when it is not there, or when this is no image to run (an attestation, a signature). */
  config: ImageConfig | undefined;
  platform: Platform | undefined;
}

/** More than most hosts have images: a list of all reads each of them. A few kilobytes each. */
const maxCached = 4000;

/**
 * Reads manifests, indexes and configurations from the blobs; what has been read once is kept, since blobs never
 * change.
 */
export class ImageContent {
  readonly #blobs: BlobStore;
  readonly #hasLayer: (diffId: Digest) => boolean;
  readonly #documents = new Map<Digest, Manifest | Index>();
  readonly #configs = new Map<Digest, ImageConfig>();

  constructor(blobs: BlobStore, hasLayer: (diffId: Digest) => boolean) {
    this.#blobs = blobs;
    this.#hasLayer = hasLayer;
  }

  #cached<T>(cache: Map<Digest, T>, digest: Digest, read: () => T): T {
    const known = cache.get(digest);
    if (known !== undefined) return known;
    const value = read();
    const oldest = cache.keys().next();
    if (cache.size >= maxCached && !oldest.done) cache.delete(oldest.value);
    cache.set(digest, value);
    return value;
  }

  /** A manifest or index, or undefined when it is not there. */
  document(digest: Digest): Manifest | Index | undefined {
    if (!this.#blobs.has(digest)) return undefined;
    return this.#cached(this.#documents, digest, () =>
      parseManifestOrIndex(this.#blobs.read(digest, maxManifestSize)),
    );
  }

  /** An image's configuration, or undefined when it is not there. */
  config(digest: Digest): ImageConfig | undefined {
    if (!this.#blobs.has(digest)) return undefined;
    return this.#cached(this.#configs, digest, () => parseImageConfig(this.#blobs.read(digest)));
  }

  /**
   * What of `target` is there: one for a manifest, any number for an index, those of nested indexes too. Each document
   * counts once, however often hostile indexes name it.
   */
  variants(target: Digest, described?: Platform, seen = new Set<Digest>(), depth = 0): Variant[] {
    const document = this.document(target);
    if (document === undefined || seen.has(target) || depth > maxIndexDepth) return [];
    seen.add(target);
    if (!isIndex(document)) return [this.#variant(target, document, described)];
    return document.manifests.flatMap(({ digest, platform }) =>
      this.variants(digest, platform, seen, depth + 1),
    );
  }

  #variant(digest: Digest, manifest: Manifest, described: Platform | undefined): Variant {
    const isImage = isImageConfigType(manifest.config.mediaType) && described?.os !== "unknown";
    const config = isImage ? this.#tryConfig(manifest.config.digest) : undefined;
    const layers = config?.rootfs.diff_ids ?? [];
    const complete =
      config !== undefined &&
      layers.length === manifest.layers.length &&
      manifest.layers.every((layer, at) => {
        const diffId = layers[at];
        return this.#blobs.has(layer.digest) || (diffId !== undefined && this.#hasLayer(diffId));
      });
    return { digest, complete, manifest, config, platform: described ?? (config && platformOf(config)) };
  }

  /** A configuration that cannot be read makes its platform unusable, not the list of all images. */
  #tryConfig(digest: Digest): ImageConfig | undefined {
    try {
      return this.config(digest);
    } catch (error) {
      if (isEngineError(error)) return undefined;
      throw error;
    }
  }

  /** Like `document`, for what may be something else as well. */
  #tryDocument(digest: Digest): Manifest | Index | undefined {
    if ((this.#blobs.size(digest) ?? Number.POSITIVE_INFINITY) > maxManifestSize) return undefined;
    try {
      return this.document(digest);
    } catch (error) {
      if (isEngineError(error)) return undefined;
      throw error;
    }
  }

  /**
   * Everything that `target` needs and that may be there: documents, configurations and layers as blobs, and layers as
   * they are unpacked. Also what is no image for a platform (attestations). `target` itself comes always, whatever it is.
   */
  *reachable(target: Digest, seen = new Set<Digest>(), depth = 0): Generator<Reached> {
    if (seen.has(target)) return;
    seen.add(target);
    yield { blob: target };
    const document = depth > maxIndexDepth ? undefined : this.#tryDocument(target);
    if (document === undefined) return;
    if (isIndex(document)) {
      for (const child of document.manifests) yield* this.reachable(child.digest, seen, depth + 1);
      return;
    }
    yield { blob: document.config.digest };
    for (const { digest } of document.layers) yield { blob: digest };
    if (!isImageConfigType(document.config.mediaType)) return;
    for (const layer of this.#tryConfig(document.config.digest)?.rootfs.diff_ids ?? []) yield { layer };
  }

  /** The blobs among what is reachable, each once. */
  blobsOf(target: Digest): Set<Digest> {
    const blobs = new Set<Digest>();
    for (const reached of this.reachable(target)) if ("blob" in reached) blobs.add(reached.blob);
    return blobs;
  }

  /** Bytes of the blobs below `target` that are there, each once. */
  blobSize(target: Digest): number {
    let sum = 0;
    for (const digest of this.blobsOf(target)) sum += this.#blobs.size(digest) ?? 0;
    return sum;
  }
}

/** A blob, or a layer by its diffId: of a plain layer both have the same digest, and one may be there without the other. */
export type Reached = { blob: Digest } | { layer: Digest };

/** The descriptor of a blob that is there. */
export function describe(blobs: BlobStore, digest: Digest, mediaType: string): Descriptor {
  return { mediaType, digest, size: blobs.size(digest) ?? 0 };
}
