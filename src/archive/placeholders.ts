import { type FileStatus, fileTypes } from "../linux/file-at.ts";
import type { ByteString } from "./byte-string.ts";

/**
 * What an engine and its runtime put into every container for their own mounts, as paths from its root. Docker keeps
 * them in a layer of their own, so that neither `diff` nor `commit` tells of them.
 */
const files: ReadonlySet<ByteString> = new Set([
  ".dockerenv",
  "dev/console",
  "etc/hostname",
  "etc/hosts",
  "etc/mtab",
  "etc/resolv.conf",
]);
const directories: ReadonlySet<ByteString> = new Set(["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"]);

/** The length of `/proc/mounts`, which `etc/mtab` leads to. */
const mtabLength = 12;

/** True for a file that only is there for something to be mounted on it: whatever wrote to it made it longer. */
export function isPlaceholder(path: ByteString, { mode, size }: Pick<FileStatus, "mode" | "size">): boolean {
  if (path === "etc/mtab" && (mode & fileTypes.mask) === fileTypes.symlink) return size === mtabLength;
  return files.has(path) && (mode & fileTypes.mask) === fileTypes.file && size === 0;
}

/** True for a directory that may be there, or have changed, for the sake of placeholders alone. */
export function holdsPlaceholders(path: ByteString): boolean {
  return directories.has(path);
}
