import { createHash, type Hash, randomUUID } from "node:crypto";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { KeyedQueue } from "../base/async.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import type { Blobs } from "./blobs.ts";
import { RegistryError } from "./errors.ts";
import { makeDirectory, orMissing, readPieces, removeFile } from "./files.ts";
import type { Layout } from "./layout.ts";
import type { ByteRange } from "./range.ts";

/** The hash of the first `size` bytes of an upload. */
interface Progress {
  algorithm: string;
  hash: Hash;
  size: number;
}

const uploadId = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** An upload that got no bytes for so long has been given up. */
export const uploadLifetimeMillis = 24 * 3600 * 1000;

/**
 * Blobs that are arriving: started → appended to, in order → finished or cancelled. What has arrived stays, over
 * broken connections and restarts, until `uploadLifetimeMillis` after its last byte. The hash runs along; after a
 * restart it is taken from the file.
 */
export class Uploads {
  readonly #layout: Layout;
  readonly #blobs: Blobs;
  readonly #clock: Clock;
  readonly #progress = new Map<string, Progress>();
  readonly #queue = new KeyedQueue();

  constructor(layout: Layout, blobs: Blobs, clock: Clock = systemClock) {
    this.#layout = layout;
    this.#blobs = blobs;
    this.#clock = clock;
  }

  /** Begins an upload; returns its id. `algorithm` is the one that its digest will probably have. */
  async start(name: string, algorithm = "sha256"): Promise<string> {
    const id = randomUUID();
    await makeDirectory(this.#layout.uploads(name));
    const handle = await open(this.#layout.upload(name, id), "wx");
    await handle.close();
    this.#progress.set(id, { algorithm, hash: createHash(algorithm), size: 0 });
    return id;
  }

  /** How many bytes have arrived. Throws BLOB_UPLOAD_UNKNOWN. */
  async size(name: string, id: string): Promise<number> {
    const found = await orMissing(stat(this.#path(name, id)), undefined);
    if (!found) throw uploadUnknown(id);
    return found.size;
  }

  /**
   * Appends `body`; returns how many bytes the upload has then. A `range` must begin where the upload ends
   * (RANGE_INVALID) and be as long as the body (SIZE_INVALID, and nothing is appended). What arrived of a body without
   * range stays when the connection breaks.
   */
  append(name: string, id: string, body: AsyncIterable<Uint8Array>, range?: ByteRange): Promise<number> {
    return this.#queue.run(id, async () => {
      await using handle = await this.#open(name, id);
      const { size } = await handle.stat();
      if (range && range.start !== size) throw outOfOrder(size);
      if (!range) return await this.#write(handle, id, size, body, Number.POSITIVE_INFINITY);
      const before = this.#running(id, size);
      const saved = before && { ...before, hash: before.hash.copy() };
      const end = await this.#write(handle, id, size, body, range.end + 1);
      if (end === range.end + 1) return end;
      await handle.truncate(size);
      if (saved) this.#progress.set(id, saved);
      throw new RegistryError("SIZE_INVALID");
    });
  }

  /** The hash that runs along, when it is that of exactly the `size` bytes of the file. */
  #running(id: string, size: number): Progress | undefined {
    const progress = this.#progress.get(id);
    return progress?.size === size ? progress : undefined;
  }

  /** Returns where the body ends; what goes beyond `limit` is not written. */
  async #write(
    handle: FileHandle,
    id: string,
    start: number,
    body: AsyncIterable<Uint8Array>,
    limit: number,
  ) {
    const progress = this.#running(id, start);
    let position = start;
    for await (const piece of body) {
      if (position + piece.length > limit) return position + piece.length;
      await writeAll(handle, piece, position);
      position += piece.length;
      progress?.hash.update(piece);
      if (progress) progress.size = position;
    }
    return position;
  }

  /**
   * Ends the upload: verifies that it is `digest` and makes it a blob of the repository. When it is something else,
   * it is dropped (DIGEST_INVALID).
   */
  finish(name: string, id: string, digest: Digest): Promise<void> {
    return this.#queue.run(id, async () => {
      const path = this.#path(name, id);
      await using handle = await this.#open(name, id);
      const actual = await this.#digest(handle, id, algorithmOf(digest));
      if (actual !== digest) {
        await removeFile(path);
        throw new RegistryError("DIGEST_INVALID", { details: [{ digest, actual }] });
      }
      await handle.sync();
      await this.#blobs.adopt(name, digest, path);
    });
  }

  async #digest(handle: FileHandle, id: string, algorithm: string): Promise<string> {
    const { size } = await handle.stat();
    const progress = this.#running(id, size);
    this.#progress.delete(id);
    if (progress?.algorithm === algorithm) {
      return `${algorithm}:${progress.hash.digest("hex")}`;
    }
    const hash = createHash(algorithm);
    for await (const piece of readPieces(handle, 0, size)) hash.update(piece);
    return `${algorithm}:${hash.digest("hex")}`;
  }

  /** Drops what has arrived. Throws BLOB_UPLOAD_UNKNOWN. */
  cancel(name: string, id: string): Promise<void> {
    return this.#queue.run(id, async () => {
      this.#progress.delete(id);
      if (!(await removeFile(this.#path(name, id)))) throw uploadUnknown(id);
    });
  }

  /** Drops the uploads of these repositories that have been given up. Returns how many. */
  async removeAbandoned(names: AsyncIterable<string>): Promise<number> {
    let removed = 0;
    const before = this.#clock.now() - uploadLifetimeMillis;
    for await (const name of names) {
      const folder = this.#layout.uploads(name);
      for (const id of await orMissing(readdir(folder), [])) {
        const found = await orMissing(stat(join(folder, id)), undefined);
        if (found === undefined || found.mtimeMs > before) continue;
        this.#progress.delete(id);
        if (await removeFile(join(folder, id))) removed++;
      }
    }
    return removed;
  }

  #path(name: string, id: string): string {
    if (!uploadId.test(id)) throw uploadUnknown(id);
    return this.#layout.upload(name, id);
  }

  async #open(name: string, id: string): Promise<FileHandle> {
    const handle = await orMissing(open(this.#path(name, id), "r+"), undefined);
    if (!handle) throw uploadUnknown(id);
    return handle;
  }
}

async function writeAll(handle: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < piece.length) {
    const { bytesWritten } = await handle.write(piece, done, piece.length - done, position + done);
    done += bytesWritten;
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
