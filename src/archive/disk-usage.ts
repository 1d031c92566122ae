import { errnoOf } from "../base/errors.ts";
import { closeFd, fileTypes, openAt, openFlags, openPath, statusAt } from "../linux/file-at.ts";
import { fromText } from "./byte-string.ts";
import { namesIn } from "./extract-root.ts";

/**
 * The bytes that `path` and all below it take on the disk, as `du` counts them: whole blocks, directories too, a file
 * with several names once. What vanishes meanwhile takes nothing. Synchronous: for a Worker.
 */
export function diskUsage(path: string): number {
  const cwd = openPath(".", openFlags.path | openFlags.directory);
  try {
    return usageAt(cwd, fromText(path), new Set());
  } finally {
    closeFd(cwd);
  }
}

function usageAt(dir: number, name: string, seen: Set<string>): number {
  const status = statusAt(dir, name);
  if (!status) return 0;
  const isDirectory = (status.mode & fileTypes.mask) === fileTypes.directory;
  if (!isDirectory && status.links > 1) {
    const key = `${status.device} ${status.inode}`;
    if (seen.has(key)) return 0;
    seen.add(key);
  }
  if (!isDirectory) return status.diskBytes;
  try {
    return status.diskBytes + usageBelow(dir, name, seen);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return 0;
    throw error;
  }
}

function usageBelow(dir: number, name: string, seen: Set<string>): number {
  const fd = openAt(dir, name, openFlags.readOnly | openFlags.directory | openFlags.noFollow);
  try {
    return namesIn(fd).reduce((sum, child) => sum + usageAt(fd, child, seen), 0);
  } finally {
    closeFd(fd);
  }
}
