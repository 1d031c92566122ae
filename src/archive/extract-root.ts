import { readdirSync } from "node:fs";
import { errnoOf, invalidArgument } from "../base/errors.ts";
import {
  chmodAt,
  closeFd,
  fileTypes,
  makeDirectoryAt,
  openAt,
  openAt2,
  openFlags,
  openPath,
  removeDirectoryAt,
  resolveFlags,
  statusAt,
  statusOf,
  unlinkAt,
} from "../linux/file-at.ts";
import { getXattr, pathAt, setXattr } from "../linux/xattr.ts";
import type { ByteString } from "./byte-string.ts";
import { opaqueValue, opaqueXattr } from "./whiteout.ts";

/** Where an entry goes: a name in a directory that is open. */
export interface Place {
  /** Path from the root, normalised; empty for the root itself. */
  path: ByteString;
  dir: number;
  /** The last component; `.` for the root itself. */
  base: ByteString;
}

/** The attribute that holds what is made in a directory to certain permissions (acl(5)). */
export const defaultAccessList = "system.posix_acl_default";
export const setGroupId = 0o2000;
const maxOpenParents = 64;
/** An archive may have any number of directories. */
const maxKnown = 4096;
const directoryFlags = openFlags.path | openFlags.directory;

/**
 * `name` without `.`, empty components and `..`. Throws `invalidArgument` when it leads out of the root: no archive
 * that means well does that.
 */
export function normalisePath(name: ByteString): ByteString {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined)
      throw invalidArgument(`invalid archive: ${JSON.stringify(name)} leads out of it`);
  }
  return parts.join("/");
}

/**
 * The directory below which an archive is extracted. Every name is resolved by the kernel with this directory as root
 * (`openat2`, RESOLVE_IN_ROOT), so that no symbolic link of the archive leads out of it, absolute ones included.
 */
export class ExtractRoot implements Disposable {
  readonly #root: number;
  /** Open directories by path, the least recently used first: the two that were located last are always open. */
  readonly #parents = new Map<ByteString, number>();
  /** By path of a directory: see `handsOn`. */
  readonly #handsOn = new Map<ByteString, boolean>();

  constructor(path: string) {
    this.#root = openPath(path, directoryFlags);
  }

  /** Finds the place of a name; its parent directories are made (0755, root) when `create` is set. */
  locate(name: ByteString, create: boolean): Place {
    const path = normalisePath(name);
    if (path === "") return { path, dir: this.#root, base: "." };
    const slash = path.lastIndexOf("/");
    return {
      path,
      dir: this.#directory(path.slice(0, Math.max(0, slash)), create),
      base: path.slice(slash + 1),
    };
  }

  /** The place of a name whose parents are there; undefined where they are not. */
  find(name: ByteString): Place | undefined {
    try {
      return this.locate(name, false);
    } catch (error) {
      if (["ENOENT", "ENOTDIR", "ELOOP"].includes(errnoOf(error) ?? "")) return undefined;
      throw error;
    }
  }

  /** To be called after anything but a new name came or went: open parents may not be what their path says any more. */
  forget(): void {
    for (const fd of this.#parents.values()) closeFd(fd);
    this.#parents.clear();
    this.#handsOn.clear();
  }

  /**
   * Whether what is made at the place gets something of its directory: the group (inode(7), S_ISGID), or permissions of
   * a default access list (acl(5)). Looked up once for a directory.
   */
  handsOn({ path, dir }: Place): boolean {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    const known = this.#handsOn.get(parent);
    if (known !== undefined) return known;
    const { mode, gid } = statusOf(dir);
    const hasGroup = gid !== 0 || (mode & setGroupId) !== 0;
    const found = hasGroup || getXattr(pathAt(dir, "."), defaultAccessList) !== undefined;
    if (this.#handsOn.size >= maxKnown) this.#handsOn.clear();
    this.#handsOn.set(parent, found);
    return found;
  }

  /** Removes what is at the place, directories with all that they hold. */
  remove(place: Place): void {
    this.forget();
    const parent = this.locate(place.path, false);
    removeTreeAt(parent.dir, parent.base);
  }

  #directory(path: ByteString, create: boolean): number {
    if (path === "") return this.#root;
    const known = this.#parents.get(path);
    if (known !== undefined) {
      this.#parents.delete(path);
      this.#parents.set(path, known);
      return known;
    }
    const fd = this.#open(path, create);
    if (this.#parents.size >= maxOpenParents) this.#evict();
    this.#parents.set(path, fd);
    return fd;
  }

  #evict(): void {
    const oldest = this.#parents.entries().next().value;
    if (!oldest) return;
    closeFd(oldest[1]);
    this.#parents.delete(oldest[0]);
  }

  #open(path: ByteString, create: boolean): number {
    const fd = this.#tryResolve(path);
    if (fd !== undefined) return fd;
    return create ? this.#makeMissing(path.split("/")) : this.#resolve(path);
  }

  #resolve(path: ByteString): number {
    return openAt2(this.#root, path, directoryFlags, resolveFlags.inRoot | resolveFlags.noMagicLinks);
  }

  #tryResolve(path: ByteString): number | undefined {
    try {
      return this.#resolve(path);
    } catch (error) {
      const code = errnoOf(error);
      if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
      return undefined;
    }
  }

  /** Makes the parents that the archive has no entries for, and opens the last one. */
  #makeMissing(parts: readonly ByteString[]): number {
    // Found by halving: resolving a path takes as long as it is deep, and a hostile archive is very deep.
    let there = 0;
    for (let missing = parts.length; missing - there > 1; ) {
      const middle = (there + missing) >> 1;
      const fd = this.#tryResolve(parts.slice(0, middle).join("/"));
      if (fd === undefined) missing = middle;
      else {
        closeFd(fd);
        there = middle;
      }
    }
    let dir =
      there === 0 ? openAt(this.#root, ".", directoryFlags) : this.#resolve(parts.slice(0, there).join("/"));
    for (const part of parts.slice(there)) {
      const above = dir;
      try {
        makeDirectory(above, part);
        dir = openAt(above, part, directoryFlags | openFlags.noFollow);
      } finally {
        closeFd(above);
      }
    }
    return dir;
  }

  [Symbol.dispose](): void {
    this.forget();
    closeFd(this.#root);
  }
}

function makeDirectory(dir: number, base: ByteString): void {
  const existing = statusAt(dir, base);
  const deleted = existing !== undefined && isWhiteout(existing);
  if (deleted) unlinkAt(dir, base);
  makeDirectoryAt(dir, base, 0o700);
  // Whatever the umask is.
  chmodAt(dir, base, 0o755);
  // It was deleted, and has new content: nothing of what it held below is to be seen.
  if (deleted) setXattr(pathAt(dir, base), opaqueXattr, opaqueValue);
}

/** True for overlay's sign that a name is deleted. */
export function isWhiteout(status: { mode: number; rdevMajor: number; rdevMinor: number }): boolean {
  const isCharacter = (status.mode & fileTypes.mask) === fileTypes.character;
  return isCharacter && status.rdevMajor === 0 && status.rdevMinor === 0;
}

const isDirectory = (mode: number) => (mode & fileTypes.mask) === fileTypes.directory;

/**
 * Removes a name, and below a directory everything; symbolic links are removed, not followed. Has one directory open
 * however deep the tree is; nobody else may move parts of it meanwhile.
 */
export function removeTreeAt(dir: number, name: ByteString): void {
  const status = statusAt(dir, name);
  if (!status) return;
  if (!isDirectory(status.mode)) {
    unlinkAt(dir, name);
    return;
  }
  const flags = openFlags.readOnly | openFlags.directory | openFlags.noFollow;
  let fd = openAt(dir, name, flags);
  const move = (to: ByteString) => {
    const next = openAt(fd, to, flags);
    closeFd(fd);
    fd = next;
  };
  try {
    const levels = [{ name, left: namesIn(fd) }];
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const child = level.left.pop();
      if (child === undefined) {
        levels.pop();
        if (levels.length === 0) break;
        move("..");
        removeDirectoryAt(fd, level.name);
      } else if (isDirectory(statusAt(fd, child)?.mode ?? 0)) {
        move(child);
        levels.push({ name: child, left: namesIn(fd) });
      } else unlinkAt(fd, child);
    }
  } finally {
    closeFd(fd);
  }
  removeDirectoryAt(dir, name);
}

/** The names in a directory that is open, in no order. */
export function namesIn(fd: number): ByteString[] {
  return readdirSync(`/proc/self/fd/${fd}`, { encoding: "latin1" });
}
