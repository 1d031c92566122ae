import { type FileHandle, open, readdir, readFile, rename, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { makeDirectory, orMissing, readPieces, removeFile, syncDirectory, writeWhole } from "../files.ts";
import type { OpenObject, Storage } from "./storage.ts";

/** Objects as files of a folder, durable when written. Half-written ones are in `scratch`. */
export class FolderStorage implements Storage {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** Opens the folder `root`, which is made when it is not there. */
  static async open(root: string): Promise<FolderStorage> {
    const storage = new FolderStorage(root);
    await makeDirectory(storage.#scratch);
    return storage;
  }

  get #scratch(): string {
    return this.#path("scratch");
  }

  #path(key: string): string {
    return join(this.#root, key);
  }

  async open(key: string): Promise<OpenObject | undefined> {
    const handle = await orMissing(open(this.#path(key), "r"), undefined);
    if (!handle) return undefined;
    try {
      const { size } = await handle.stat();
      return {
        size,
        read: (start, end) => readPieces(handle, start, end - start + 1),
        [Symbol.asyncDispose]: () => handle.close(),
      };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  read(key: string): Promise<Buffer | undefined> {
    return orMissing(readFile(this.#path(key)), undefined);
  }

  write(key: string, bytes: Uint8Array | string): Promise<void> {
    return writeWhole(this.#path(key), bytes, this.#scratch);
  }

  async remove(key: string): Promise<boolean> {
    const path = this.#path(key);
    if (!(await removeFile(path))) return false;
    await syncDirectory(dirname(path));
    return true;
  }

  async *list(prefix: string): AsyncGenerator<string> {
    const folders = [this.#path(prefix)];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const entry of await orMissing(readdir(folder, { withFileTypes: true }), [])) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) folders.push(path);
        else yield relative(this.#root, path);
      }
    }
  }

  async begin(key: string): Promise<void> {
    const path = this.#path(key);
    await makeDirectory(dirname(path));
    await (await open(path, "wx")).close();
  }

  async arrived(key: string): Promise<number | undefined> {
    return (await orMissing(stat(this.#path(key)), undefined))?.size;
  }

  async append(key: string, position: number, pieces: AsyncIterable<Uint8Array>): Promise<number> {
    await using handle = await open(this.#path(key), "r+");
    let end = position;
    // One write is under way while the next piece arrives.
    let writing = Promise.resolve();
    try {
      for await (const piece of pieces) {
        await writing;
        writing = writeAll(handle, piece, end);
        writing.catch(() => {}); // It is thrown where it is waited for.
        end += piece.length;
      }
    } finally {
      await writing;
    }
    return end;
  }

  async truncate(key: string, size: number): Promise<void> {
    await using handle = await open(this.#path(key), "r+");
    await handle.truncate(size);
  }

  async *arriving(key: string, size: number): AsyncGenerator<Uint8Array> {
    await using handle = await open(this.#path(key), "r");
    yield* readPieces(handle, 0, size);
  }

  async commit(key: string, to: string): Promise<void> {
    const [path, target] = [this.#path(key), this.#path(to)];
    await using handle = await open(path, "r+");
    await handle.sync();
    await makeDirectory(dirname(target));
    await rename(path, target);
    await syncDirectory(dirname(target));
  }

  cancel(key: string): Promise<boolean> {
    return removeFile(this.#path(key));
  }

  async removeAbandoned(prefix: string, before: number): Promise<number> {
    let removed = 0;
    for (const folder of [prefix, "scratch/"]) {
      for await (const key of this.list(folder)) {
        const found = await orMissing(stat(this.#path(key)), undefined);
        if (found && found.mtimeMs <= before && (await this.cancel(key))) removed++;
      }
    }
    return removed;
  }
}

async function writeAll(handle: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < piece.length) {
    const { bytesWritten } = await handle.write(piece, done, piece.length - done, position + done);
    done += bytesWritten;
  }
}
