import { invalidArgument } from "../base/errors.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import { digestLike } from "../oci/digester.ts";
import type { Descriptor } from "../oci/manifest.ts";

/** A place that images and caches are read from: a registry, a folder of the client, the images that are here. */
export interface ContentReader {
  /** What the name of the image or cache points to. Throws `notFound` and what the place says. */
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

/** A blob of at most `limit` bytes, verified. Throws `invalidArgument`. */
export async function readSmall(
  reader: ContentReader,
  blob: Descriptor,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (blob.size > limit) throw invalidArgument(`blob ${blob.digest} of ${blob.size} bytes is too large`);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of reader.stream(blob, signal)) {
    size += piece.length;
    if (size > blob.size) break;
    pieces.push(new Uint8Array(piece));
  }
  const bytes = Buffer.concat(pieces);
  if (digestLike(blob.digest, bytes) !== blob.digest) {
    throw invalidArgument(`blob does not have its digest: ${blob.digest}`);
  }
  return bytes;
}
