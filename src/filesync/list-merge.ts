import type { FileList, ListCursor } from "../archive/file-list.ts";
import { comparePaths } from "../base/path-order.ts";

/**
 * Goes through the files that were known and those that are told, both in the order of a walk, and makes the new list
 * of them: from the first difference on, so that nothing is written where there is none.
 */
export class ListMerge {
  readonly #known: FileList | undefined;
  readonly #cursor: ListCursor | undefined;
  readonly #begin: () => FileList;
  #list: FileList | undefined;

  constructor(known: FileList | undefined, begin: () => FileList) {
    this.#known = known;
    this.#cursor = known?.from();
    this.#begin = begin;
  }

  /** The new one; undefined as long as there is no difference. */
  get made(): FileList | undefined {
    return this.#list;
  }

  /** The new one, from now on. */
  get list(): FileList {
    return this.#writing();
  }

  #writing(): FileList {
    if (this.#list === undefined) {
      this.#list = this.#begin();
      if (this.#known && this.#cursor) this.#list.appendFrom(this.#known, this.#cursor.offset);
    }
    return this.#list;
  }

  /** What was known of `path`, valid until the next call; `gone` is told of all that was known before it. */
  reach(path: string, gone: (path: string) => void): Buffer | undefined {
    return this.#pass(gone, (known) => (known === path ? 0 : comparePaths(known, path)));
  }

  /** Nothing more is told. */
  end(gone: (path: string) => void): void {
    this.#pass(gone, () => -1);
  }

  #pass(gone: (path: string) => void, order: (known: string) => number): Buffer | undefined {
    const cursor = this.#cursor;
    for (; cursor?.record !== undefined; cursor.next()) {
      const side = order(cursor.path);
      if (side > 0) return undefined;
      if (side === 0) return cursor.record;
      // The new list has what came before, and not this.
      this.#writing();
      gone(cursor.path);
    }
    return undefined;
  }

  /** What was reached stays as it was known. */
  keep(known: Buffer): void {
    this.#list?.append(known);
    this.#cursor?.next();
  }

  /** Adds a record, in the place of what was reached, where there was something (`known`). Returns where it is. */
  put(record: Buffer, known: Buffer | undefined): number {
    const offset = this.#writing().append(record);
    if (known !== undefined) this.#cursor?.next();
    return offset;
  }
}
