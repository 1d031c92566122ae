import { rmSync } from "node:fs";
import { KeyedQueue } from "../base/async.ts";
import type { Digest } from "../oci/digest.ts";
import type { BlobDescriptor } from "./blobs.ts";
import { syncFile } from "./files.ts";

/** A blob of which every byte is there; others see it when it is durable. */
export interface ReceivedBlob extends BlobDescriptor {
  /** Rejects when it cannot be made durable: then nothing is left of it. */
  durable: Promise<void>;
}

/** From so many bytes on a flush counts as long. */
const longFlush = 1024 * 1024;

/** Files of blobs that are whole and verified, until they are durable and have a row. */
export class ReceivedFiles {
  readonly #paths = new Map<Digest, string>();
  readonly #adopt: (path: string, blob: BlobDescriptor) => void;
  /** Long flushes go one at a time: all file access shares two threads, and a flush may hold one for seconds. */
  readonly #flushes = new KeyedQueue();

  constructor(adopt: (path: string, blob: BlobDescriptor) => void) {
    this.#adopt = adopt;
  }

  path(digest: Digest): string | undefined {
    return this.#paths.get(digest);
  }

  take(path: string, blob: BlobDescriptor): ReceivedBlob {
    this.#paths.set(blob.digest, path);
    const settle = () => this.#settle(path, blob);
    const durable = blob.size < longFlush ? settle() : this.#flushes.run("", settle);
    // Whoever waits hears of it; nobody may wait yet.
    durable.catch(() => {});
    return { ...blob, durable };
  }

  async #settle(path: string, blob: BlobDescriptor): Promise<void> {
    try {
      await syncFile(path);
      this.#adopt(path, blob);
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    } finally {
      // The same may have come twice.
      if (this.#paths.get(blob.digest) === path) this.#paths.delete(blob.digest);
    }
  }
}
