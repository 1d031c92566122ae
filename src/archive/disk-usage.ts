import { errnoOf } from "../base/errors.ts";
import { closeFd, fileTypes, openAt, openFlags, openPath, statusAt } from "../linux/file-at.ts";
import { fromText } from "./byte-string.ts";
import { namesIn } from "./extract-root.ts";

/**
 * The bytes that `path` and all below it take on its file system, as `du -x` counts them: whole blocks, directories too,
 * a file with several names once. What vanishes meanwhile takes nothing. Synchronous: for a Worker.
 */
export function diskUsage(path: string): number {
  const cwd = openPath(".", openFlags.path | openFlags.directory);
  try {
    return new Count().at(cwd, fromText(path));
  } finally {
    closeFd(cwd);
  }
}

class Count {
  #device: bigint | undefined;
  /** Files that have several names. */
  readonly #seen = new Set<string>();

  at(dir: number, name: string): number {
    const status = statusAt(dir, name);
    if (!status) return 0;
    this.#device ??= status.device;
    if (status.device !== this.#device) return 0;
    if ((status.mode & fileTypes.mask) === fileTypes.directory)
      return status.diskBytes + this.#below(dir, name);
    if (status.links === 1) return status.diskBytes;
    const key = String(status.inode);
    if (this.#seen.has(key)) return 0;
    this.#seen.add(key);
    return status.diskBytes;
  }

  #below(dir: number, name: string): number {
    try {
      const fd = openAt(dir, name, openFlags.readOnly | openFlags.directory | openFlags.noFollow);
      try {
        return namesIn(fd).reduce((sum, child) => sum + this.at(fd, child), 0);
      } finally {
        closeFd(fd);
      }
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return 0;
      throw error;
    }
  }
}
