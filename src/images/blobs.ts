import type { Digest } from "../oci/digest.ts";

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
  /** Appends; resolves when more may be given. Throws when more than `size` bytes come. */
  write(chunk: Uint8Array): Promise<void>;
  /** Forgets what is held: the source cannot go on in the middle. `offset` is 0 afterwards. */
  restart(): Promise<void>;
}

/** Keeps what is used from being swept until it is released, or, after a crash, until it expires. */
export interface Lease extends Disposable {
  readonly id: string;
  /** Keeps blobs and layers with these digests; they need not exist yet. */
  add(...digests: readonly Digest[]): void;
  /** The work is done: the next sweep takes what nothing else refers to. */
  release(): void;
}

export interface IngestOptions {
  signal?: AbortSignal;
  /** Bytes held so far, of `size`; called now and then, for each that waits. */
  onProgress?: (offset: number) => void;
}

/** Content-addressed files below `blobs/`, and parts of such files below `ingest/`. */
export interface BlobStore {
  has(digest: Digest): boolean;
  /** Size in bytes, or undefined when the blob is not there. */
  size(digest: Digest): number | undefined;
  /** The path of the blob's file. */
  path(digest: Digest): string;
  /** The whole blob (a manifest, a configuration), of at most `limit` bytes. Throws `notFound`. */
  read(digest: Digest, limit?: number): Uint8Array;
  /** The blob from `offset` on. Throws `notFound`. */
  stream(digest: Digest, offset?: number): ReadableStream<Uint8Array>;
  /** Stores a small blob. */
  put(bytes: Uint8Array): Digest;
  /**
   * Makes sure that the blob is there. `fill` fetches what is missing; those who ask for the same blob meanwhile wait for
   * the same `fill`. What was written stays for the next attempt when `fill` throws. Throws `invalidArgument` when the
   * bytes do not have the digest or the size (and forgets them), and what `fill` throws.
   */
  ingest(
    blob: BlobDescriptor,
    fill: (writer: BlobWriter) => Promise<void>,
    options?: IngestOptions,
  ): Promise<void>;
  lease(id?: string): Lease;
}
