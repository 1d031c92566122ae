import { createHash, type Hash, randomUUID } from "node:crypto";
import { KeyedQueue } from "../base/async.ts";
import type { Clock } from "../base/clock.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import type { Blobs } from "./blobs.ts";
import { RegistryError } from "./errors.ts";
import { uploadKey, uploadsPrefix } from "./layout.ts";
import type { ByteRange } from "./range.ts";
import type { Storage } from "./storage/storage.ts";

/** The hash of the first `size` bytes of an upload. */
interface Progress {
  algorithm: string;
  hash: Hash;
  size: number;
}

const uploadId = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** An upload that got no bytes for so long has been given up. */
const uploadLifetimeMillis = 24 * 3600 * 1000;

/** Hashes that run along at a time. An upload without one is read again at its end. */
const maxRunning = 1000;

/**
 * Blobs that are arriving: started → appended to, in order → finished or cancelled. What has arrived stays, over
 * broken connections and restarts, until `uploadLifetimeMillis` after its last byte, and any instance can go on with
 * it. The hash runs along; where another instance had a part, it is taken from the storage.
 */
export class Uploads {
  readonly #storage: Storage;
  readonly #blobs: Blobs;
  readonly #clock: Clock;
  readonly #progress = new Map<string, Progress>();
  readonly #queue = new KeyedQueue();

  constructor(storage: Storage, blobs: Blobs, clock: Clock) {
    this.#storage = storage;
    this.#blobs = blobs;
    this.#clock = clock;
  }

  /** Begins an upload; returns its id. `algorithm` is the one that its digest will probably have. */
  async start(name: string, algorithm = "sha256"): Promise<string> {
    const id = randomUUID();
    await this.#storage.begin(uploadKey(name, id));
    const [oldest] = this.#progress.keys();
    if (oldest !== undefined && this.#progress.size >= maxRunning) this.#progress.delete(oldest);
    this.#progress.set(id, { algorithm, hash: createHash(algorithm), size: 0 });
    return id;
  }

  /** How many bytes have arrived. Throws BLOB_UPLOAD_UNKNOWN. */
  async size(name: string, id: string): Promise<number> {
    const size = await this.#storage.arrived(this.#key(name, id));
    if (size === undefined) throw uploadUnknown(id);
    return size;
  }

  /**
   * Appends `body`; returns how many bytes the upload has then. A `range` must begin where the upload ends
   * (RANGE_INVALID) and be as long as the body (SIZE_INVALID, and nothing is appended). What arrived of a body without
   * range stays when the connection breaks.
   */
  append(name: string, id: string, body: AsyncIterable<Uint8Array>, range?: ByteRange): Promise<number> {
    return this.#queue.run(id, async () => {
      const size = await this.size(name, id);
      if (range && range.start !== size) throw outOfOrder(size);
      const key = this.#key(name, id);
      const progress = this.#running(id, size);
      if (!range) return await this.#storage.append(key, size, hashed(body, progress));
      const saved = progress && { ...progress, hash: progress.hash.copy() };
      const limit = range.end + 1 - range.start;
      const taken = { bytes: 0 };
      const end = await this.#storage.append(key, size, limited(hashed(body, progress), limit, taken));
      if (end === range.end + 1 && taken.bytes === limit) return end;
      await this.#storage.truncate(key, size);
      if (saved) this.#progress.set(id, saved);
      throw new RegistryError("SIZE_INVALID");
    });
  }

  /** The hash that runs along, when it is that of exactly the `size` bytes that are there. */
  #running(id: string, size: number): Progress | undefined {
    const progress = this.#progress.get(id);
    return progress?.size === size ? progress : undefined;
  }

  /**
   * Ends the upload: verifies that it is `digest` and makes it a blob of the repository. When it is something else,
   * it is dropped (DIGEST_INVALID).
   */
  finish(name: string, id: string, digest: Digest): Promise<void> {
    return this.#queue.run(id, async () => {
      const key = this.#key(name, id);
      const size = await this.size(name, id);
      const actual = await this.#digest(key, id, size, algorithmOf(digest));
      if (actual !== digest) {
        await this.#storage.cancel(key);
        throw new RegistryError("DIGEST_INVALID", { details: [{ digest, actual }] });
      }
      await this.#blobs.adopt(name, digest, size, (to) => this.#storage.commit(key, to, size));
    });
  }

  async #digest(key: string, id: string, size: number, algorithm: string): Promise<string> {
    const progress = this.#running(id, size);
    this.#progress.delete(id);
    if (progress?.algorithm === algorithm) return `${algorithm}:${progress.hash.digest("hex")}`;
    const hash = createHash(algorithm);
    for await (const piece of this.#storage.arriving(key, size)) hash.update(piece);
    return `${algorithm}:${hash.digest("hex")}`;
  }

  /** Drops what has arrived. Throws BLOB_UPLOAD_UNKNOWN. */
  cancel(name: string, id: string): Promise<void> {
    return this.#queue.run(id, async () => {
      this.#progress.delete(id);
      if (!(await this.#storage.cancel(this.#key(name, id)))) throw uploadUnknown(id);
    });
  }

  /** Drops the uploads that have been given up. Returns how many. */
  async removeAbandoned(): Promise<number> {
    const before = this.#clock.now() - uploadLifetimeMillis;
    return this.#storage.removeAbandoned(uploadsPrefix, before);
  }

  #key(name: string, id: string): string {
    if (!uploadId.test(id)) throw uploadUnknown(id);
    return uploadKey(name, id);
  }
}

/** `body`, with the hash running along. */
async function* hashed(
  body: AsyncIterable<Uint8Array>,
  progress: Progress | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    yield piece;
    progress?.hash.update(piece);
    if (progress) progress.size += piece.length;
  }
}

/** `body` up to `limit` bytes; `taken` counts those that came, the first piece beyond the limit too. */
async function* limited(
  body: AsyncIterable<Uint8Array>,
  limit: number,
  taken: { bytes: number },
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    taken.bytes += piece.length;
    if (taken.bytes > limit) return;
    yield piece;
  }
}

function uploadUnknown(id: string): RegistryError {
  return new RegistryError("BLOB_UPLOAD_UNKNOWN", { details: [{ id }] });
}

/** Tells in `Range` how far the upload is, as the spec wants it with a 416. */
function outOfOrder(size: number): RegistryError {
  return new RegistryError("RANGE_INVALID", { headers: { Range: uploadRange(size) } });
}

/** The `Range` header of an upload of `size` bytes; `0-0` also stands for none. */
export function uploadRange(size: number): string {
  return `0-${Math.max(0, size - 1)}`;
}
