import {
  closeFd,
  fileTypes,
  openAt2,
  openFlags,
  openPath,
  resolveFlags,
  statusOf,
} from "../linux/file-at.ts";
import { mountRestrictions } from "../linux/statvfs.ts";

/** What a path leads to. Anything that keeps it from being reached counts as `missing`. */
export type Seen = "directory" | "other" | "missing";

export interface LookJob {
  /** The directory that links lead no further than; the host's root without it. */
  root?: string;
  path: string;
}

const byteString = (text: string) => Buffer.from(text).toString("latin1");

/** Follows a path and asks its file system what is there, and how it is mounted. It waits as long as that takes. */
export function look({ root = "/", path }: LookJob): Seen {
  try {
    const top = openPath(byteString(root), openFlags.path | openFlags.directory);
    try {
      const fd = openAt2(
        top,
        byteString(path),
        openFlags.path,
        resolveFlags.inRoot | resolveFlags.noMagicLinks,
      );
      try {
        mountRestrictions(`/proc/self/fd/${fd}`);
        return (statusOf(fd).mode & fileTypes.mask) === fileTypes.directory ? "directory" : "other";
      } finally {
        closeFd(fd);
      }
    } finally {
      closeFd(top);
    }
  } catch {
    // Why, is told by whoever uses it in earnest.
    return "missing";
  }
}
