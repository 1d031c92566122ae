import { readSync } from "node:fs";
import { errnoOf, invalidArgument } from "../../base/errors.ts";
import {
  chownAt,
  closeFd,
  makeDirectoryAt,
  openAt2,
  openFlags,
  openPath,
  resolveFlags,
  statusOf,
} from "../../linux/file-at.ts";
import type { Owner } from "./shm.ts";

/** More than any passwd file that a host can work with. */
const maxFile = 16 * 1024 * 1024;

/** File names are byte strings for the calls below. */
const byteString = (text: string) => Buffer.from(text).toString("latin1");

/**
 * Looks into a container's root file system from outside. Symbolic links and `..` mean what they mean inside: an image
 * cannot make the daemon read or write a file of the host.
 */
export class RootfsView implements Disposable {
  readonly #root: number;

  /** `path`: where the root file system is mounted. */
  constructor(path: string) {
    this.#root = openPath(byteString(path), openFlags.path | openFlags.directory);
  }

  #open(path: string, flags: number): number | undefined {
    try {
      return openAt2(this.#root, byteString(path), flags, resolveFlags.inRoot | resolveFlags.noMagicLinks);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** The text of a regular file; empty when there is none. Throws `invalidArgument` when it is larger than 16 MiB. */
  readText(path: string): string {
    // A FIFO in its place must not make us wait.
    const fd = this.#openFile(path);
    if (fd === undefined) return "";
    try {
      const { size, mode } = statusOf(fd);
      if ((mode & 0o170000) !== 0o100000) return "";
      if (size > maxFile) throw invalidArgument(`${path} of the container is larger than ${maxFile} bytes`);
      const buffer = Buffer.alloc(size);
      return buffer.toString("utf8", 0, readSync(fd, buffer, 0, size, 0));
    } finally {
      closeFd(fd);
    }
  }

  #openFile(path: string): number | undefined {
    try {
      return this.#open(path, openFlags.readOnly | openFlags.nonBlock);
    } catch (error) {
      // A link that leads nowhere, or a part of the path that is no directory: no such file.
      if (["ENOTDIR", "ELOOP", "ENXIO"].includes(errnoOf(error) ?? "")) return undefined;
      throw error;
    }
  }

  /**
   * Hands `use` a path of the host that stands for `path`, symbolic links followed; undefined when there is no such thing.
   * The path is good only until `use` has returned.
   */
  at<T>(path: string, use: (hostPath: string) => T): T | undefined {
    const fd = this.#openAny(path);
    if (fd === undefined) return undefined;
    try {
      return use(`/proc/self/fd/${fd}`);
    } finally {
      closeFd(fd);
    }
  }

  #openAny(path: string): number | undefined {
    try {
      return this.#open(path, openFlags.path);
    } catch (error) {
      if (["ENOTDIR", "ELOOP"].includes(errnoOf(error) ?? "")) return undefined;
      throw error;
    }
  }

  /** Makes the directory and those above it where they are missing (`owner`'s, 0755). Throws `invalidArgument`. */
  makeDirectories(path: string, owner?: Owner): void {
    if (path === "/" || this.#isDirectory(path)) return;
    let parent = this.#open("/", openFlags.path | openFlags.directory);
    let walked = "";
    try {
      for (const part of path.split("/").filter((name) => name !== "")) {
        if (parent === undefined) return;
        walked = `${walked}/${part}`;
        if (!this.#isDirectory(walked)) makeOne(parent, part, path, owner);
        closeFd(parent);
        parent = this.#open(walked, openFlags.path | openFlags.directory);
      }
    } finally {
      if (parent !== undefined) closeFd(parent);
    }
  }

  /** Throws `invalidArgument` when something else is there. */
  #isDirectory(path: string): boolean {
    try {
      const fd = this.#open(path, openFlags.path | openFlags.directory);
      if (fd !== undefined) closeFd(fd);
      return fd !== undefined;
    } catch (error) {
      if (errnoOf(error) === "ENOTDIR") throw invalidArgument(`Cannot mkdir: ${path} is not a directory`);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    closeFd(this.#root);
  }
}

/** A name that is there already (a link that leads nowhere) stays; the next step fails on it. */
function makeOne(parent: number, name: string, whole: string, owner: Owner | undefined): void {
  try {
    makeDirectoryAt(parent, byteString(name), 0o755);
    if (owner) chownAt(parent, byteString(name), owner.uid, owner.gid);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    throw invalidArgument(`Cannot mkdir: ${whole} is not a directory`);
  }
}
