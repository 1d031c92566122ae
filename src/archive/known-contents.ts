import { errnoOf } from "../base/errors.ts";
import { comparePaths } from "../base/path-order.ts";
import { FileList, type ListCursor } from "./file-list.ts";
import { digestOf } from "./file-record.ts";

/** Looks up digests in a list, next to no work where they are asked for in the order of a walk. */
export class KnownContents implements Disposable {
  readonly #list: FileList | undefined;
  #cursor: ListCursor | undefined;

  /** `path`: of a list; undefined, or where there is none, when nothing is known. */
  constructor(path: string | undefined) {
    this.#list = path === undefined ? undefined : openIfThere(path);
  }

  /** The SHA-256 of a file in hex, where it is known. */
  digestOf(path: string): string | undefined {
    if (this.#list === undefined) return undefined;
    if (this.#cursor === undefined || comparePaths(this.#cursor.path, path) > 0)
      this.#cursor = this.#list.seek(path);
    const cursor = this.#cursor;
    while (cursor.record !== undefined && cursor.path !== path && comparePaths(cursor.path, path) < 0)
      cursor.next();
    return cursor.record !== undefined && cursor.path === path ? digestOf(cursor.record) : undefined;
  }

  [Symbol.dispose](): void {
    this.#list?.[Symbol.dispose]();
  }
}

function openIfThere(path: string): FileList | undefined {
  try {
    return FileList.open(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
