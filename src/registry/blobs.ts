import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "./errors.ts";
import { linkFile, makeDirectory, orMissing, removeFile, syncDirectory } from "./files.ts";
import type { Layout } from "./layout.ts";

/** A blob that is open for reading; whoever has it closes it. */
export interface OpenBlob extends AsyncDisposable {
  handle: FileHandle;
  /** In bytes. */
  size: number;
}

/**
 * Verified content. Each repository has hard links to what is its own, so that a blob is kept once, is visible only
 * where it was pushed or mounted, and its space is free when the last repository has let go of it.
 */
export class Blobs {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** The size of a repository's blob in bytes, or undefined when it has no such blob. */
  async size(name: string, digest: Digest): Promise<number | undefined> {
    return (await orMissing(stat(this.#layout.blob(name, digest)), undefined))?.size;
  }

  /** Opens a repository's blob. Throws BLOB_UNKNOWN. */
  async open(name: string, digest: Digest): Promise<OpenBlob> {
    const handle = await orMissing(open(this.#layout.blob(name, digest), "r"), undefined);
    if (!handle) throw blobUnknown(digest);
    try {
      const { size } = await handle.stat();
      return { handle, size, [Symbol.asyncDispose]: () => handle.close() };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Takes the file `path`, synced and verified to be `digest`, into the repository; `path` is gone afterwards. The
   * repository's link comes first: a crash in between leaves nothing that nobody has.
   */
  async adopt(name: string, digest: Digest, path: string): Promise<void> {
    const { scratch } = this.#layout;
    const content = this.#layout.content(digest);
    const target = this.#layout.blob(name, digest);
    const { size } = await stat(path);
    await this.#removeDamaged([content, target], size);
    const shared = await linkFile(content, target, scratch);
    if (!shared) {
      await linkFile(path, target, scratch);
      await makeDirectory(dirname(content));
      await rename(path, content);
      await syncDirectory(dirname(content));
    }
    await removeFile(path);
  }

  /** A file of another size than the verified one has lost bytes (a full or failing disk): the new one replaces it. */
  async #removeDamaged(paths: readonly string[], size: number): Promise<void> {
    for (const path of paths) {
      const found = await orMissing(stat(path), undefined);
      if (found !== undefined && found.size !== size) await removeFile(path);
    }
  }

  /** Gives `name` the blob that `from` has. False when that has no such blob. */
  async mount(name: string, digest: Digest, from: string): Promise<boolean> {
    return linkFile(this.#layout.blob(from, digest), this.#layout.blob(name, digest), this.#layout.scratch);
  }

  /**
   * Takes the blob from the repository, and frees its space when no other has it. A push of the same content at this
   * moment at worst keeps a second copy. Throws BLOB_UNKNOWN.
   */
  async remove(name: string, digest: Digest): Promise<void> {
    const path = this.#layout.blob(name, digest);
    if (!(await removeFile(path))) throw blobUnknown(digest);
    await syncDirectory(dirname(path));
    const content = this.#layout.content(digest);
    const kept = await orMissing(stat(content), undefined);
    if (kept?.nlink === 1) await removeFile(content);
  }
}

export function blobUnknown(digest: string): RegistryError {
  return new RegistryError("BLOB_UNKNOWN", { details: [{ digest }] });
}
