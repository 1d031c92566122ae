import type { BlobStore } from "../../images/blobs.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";

/** A place that caches are read from: a registry, a folder of the client, the images that are here. */
export interface CacheReader {
  /** What the cache's name points to. Throws `notFound` and what the place says. */
  top(signal: AbortSignal): Promise<{ bytes: Uint8Array; mediaType: string }>;
  /** A manifest or index below it. */
  document(digest: Digest, signal: AbortSignal): Promise<{ bytes: Uint8Array; mediaType: string }>;
  /** The bytes of a blob, not verified. */
  stream(blob: Descriptor, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Brings a blob into the store, verified. */
  fetch(blob: Descriptor, blobs: BlobStore, options: FetchOptions): Promise<void>;
}

export interface FetchOptions {
  signal: AbortSignal;
  /** Bytes so far. */
  onProgress: (bytes: number) => void;
}
