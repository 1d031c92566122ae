import { copyFileSync, lstatSync, readdirSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, invalidArgument } from "../base/errors.ts";
import {
  chmodAt,
  chmodFd,
  chownAt,
  chownFd,
  closeFd,
  type FileStatus,
  fileTypes,
  linkAt,
  makeDevice,
  makeDirectoryAt,
  makeNodeAt,
  openAt,
  openAt2,
  openFlags,
  openPath,
  readLinkAt,
  resolveFlags,
  setTimesAt,
  setTimesFd,
  statusAt,
  statusOf,
  symlinkAt,
} from "../linux/file-at.ts";
import { getXattr, listXattrs, pathAt, setXattr } from "../linux/xattr.ts";

const directoryFlags = openFlags.readOnly | openFlags.directory | openFlags.noFollow;
/** Larger files are copied by the pool, and not while everything else waits. */
const largeFile = 1024 * 1024;
/** So many entries are copied before others get their turn. */
const batch = 200;

/** Names are byte strings, as in `linux/file-at.ts`. */
const byteString = (text: string) => Buffer.from(text).toString("latin1");
const namesIn = (dir: number): string[] => readdirSync(`/proc/self/fd/${dir}`, { encoding: "latin1" });

/**
 * Fills the volume at `target` with what the root file system has at `destination`: entries with owners, modes, times,
 * links, devices and extended attributes, and those of the directory itself. Does nothing when the volume holds
 * something already, or the image has nothing there. Links in the image's paths lead nowhere but into the image.
 * Returns whether the volume took the image's content. Throws `invalidArgument` when a file is at `destination`.
 */
export async function copyUp(rootfs: string, destination: string, target: string): Promise<boolean> {
  const source = openInRootfs(rootfs, destination);
  if (source === undefined) return false;
  try {
    const into = openPath(byteString(target), directoryFlags);
    try {
      if (namesIn(into).length > 0) return false;
      await new TreeCopy(into).copyDirectory(source, into, "");
      return true;
    } finally {
      closeFd(into);
    }
  } finally {
    closeFd(source);
  }
}

/**
 * Whether an image with these layers (folders) can have something at `destination`: false saves mounting it. A link on
 * the way may lead anywhere.
 */
export function mayHold(layers: readonly string[], destination: string): boolean {
  const names = destination.split("/").filter((name) => name !== "");
  return layers.some((layer) => {
    let path = layer;
    for (const name of names) {
      path = join(path, name);
      const status = lstatSync(path, { throwIfNoEntry: false });
      if (!status) return false;
      if (!status.isDirectory()) return true;
    }
    return true;
  });
}

function openInRootfs(rootfs: string, destination: string): number | undefined {
  const root = openPath(byteString(rootfs), openFlags.path | openFlags.directory);
  try {
    const flags = openFlags.readOnly | openFlags.directory;
    return openAt2(root, byteString(destination), flags, resolveFlags.inRoot | resolveFlags.noMagicLinks);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    if (errnoOf(error) !== "ENOTDIR") throw error;
    throw invalidArgument(`cannot mount volume over existing file, file exists ${destination}`);
  } finally {
    closeFd(root);
  }
}

/** One copy: remembers where files with several names went, and how much was done since others had their turn. */
class TreeCopy {
  readonly #into: number;
  readonly #linked = new Map<string, string>();
  #done = 0;

  constructor(into: number) {
    this.#into = into;
  }

  /** `path`: of the directory in the copy, empty for its root. Both are open. */
  async copyDirectory(from: number, to: number, path: string): Promise<void> {
    for (const name of namesIn(from)) {
      const status = statusAt(from, name);
      if (!status) continue;
      if (++this.#done % batch === 0) await new Promise((resolve) => setImmediate(resolve));
      await this.#copyEntry(from, to, name, path === "" ? name : `${path}/${name}`, status);
    }
    const status = statusOf(from);
    chownFd(to, status.uid, status.gid);
    chmodFd(to, status.mode & 0o7777);
    copyXattrs(`/proc/self/fd/${from}/.`, `/proc/self/fd/${to}/.`);
    setTimesFd(to, status.mtime);
  }

  async #copyEntry(from: number, to: number, name: string, path: string, status: FileStatus): Promise<void> {
    const type = status.mode & fileTypes.mask;
    if (type === fileTypes.socket) return;
    if (type === fileTypes.directory) return this.#copySubdirectory(from, to, name, path);
    if (this.#linkToEarlier(to, name, path, status)) return;
    if (type === fileTypes.symlink) symlinkAt(readLinkAt(from, name), to, name);
    else if (type === fileTypes.file) await copyContent(pathAt(from, name), pathAt(to, name), status.size);
    else makeNodeAt(to, name, type, 0o600, makeDevice(status.rdevMajor, status.rdevMinor));
    // The owner first: changing it takes set-uid bits and file capabilities away.
    chownAt(to, name, status.uid, status.gid);
    if (type !== fileTypes.symlink) chmodAt(to, name, status.mode & 0o7777);
    copyXattrs(pathAt(from, name), pathAt(to, name));
    setTimesAt(to, name, status.mtime);
  }

  async #copySubdirectory(from: number, to: number, name: string, path: string): Promise<void> {
    makeDirectoryAt(to, name, 0o700);
    const source = openAt(from, name, directoryFlags);
    try {
      const target = openAt(to, name, directoryFlags);
      try {
        await this.copyDirectory(source, target, path);
      } finally {
        closeFd(target);
      }
    } finally {
      closeFd(source);
    }
  }

  /** A file that was copied by another of its names becomes a hard link to that. */
  #linkToEarlier(to: number, name: string, path: string, status: FileStatus): boolean {
    if (status.links < 2) return false;
    const key = `${status.device}:${status.inode}`;
    const earlier = this.#linked.get(key);
    if (earlier !== undefined) linkAt(this.#into, earlier, to, name);
    else this.#linked.set(key, path);
    return earlier !== undefined;
  }
}

async function copyContent(from: string, to: string, size: number): Promise<void> {
  const [source, target] = [Buffer.from(from, "latin1"), Buffer.from(to, "latin1")];
  if (size > largeFile) await copyFile(source, target);
  else copyFileSync(source, target);
}

function copyXattrs(from: string, to: string): void {
  for (const key of listXattrs(from)) {
    const value = getXattr(from, key);
    // What marks layers of an overlay has no meaning outside of it.
    if (value && !key.startsWith("trusted.overlay.")) setXattr(to, key, value);
  }
}
