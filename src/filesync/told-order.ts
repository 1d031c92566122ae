import { comparePaths } from "../base/path-order.ts";

/** Holds a sender to the order of a walk, so that what it tells need not be kept to know whether it makes sense. */
export class ToldOrder {
  #last = "";
  /** Those above the next path, as far as they were told. */
  #folders: string[] = [];

  /**
   * False for a path that comes too early or twice, or whose folder was not told as such; and for one that is none: absolute,
   * with empty parts, dots, or NUL.
   */
  take(path: string, isFolder: boolean): boolean {
    if (path.includes("\0") || path.split("/").some((part) => part === "" || part === "." || part === ".."))
      return false;
    if (comparePaths(this.#last, path) >= 0) return false;
    this.#last = path;
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    while (this.#folders.length > 0 && this.#folders.at(-1) !== parent) this.#folders.pop();
    if (parent !== "" && this.#folders.length === 0) return false;
    if (isFolder) this.#folders.push(path);
    return true;
  }
}
