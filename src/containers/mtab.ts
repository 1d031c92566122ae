import { errnoOf } from "../base/errors.ts";
import {
  closeFd,
  makeDirectoryAt,
  openAt2,
  openFlags,
  openPath,
  resolveFlags,
  symlinkAt,
} from "../linux/file-at.ts";

const directory = openFlags.path | openFlags.directory;
const inRoot = resolveFlags.inRoot | resolveFlags.noMagicLinks;

/**
 * Makes `/etc/mtab` lead to the kernel's own list in a container whose image has none, as Docker does: the JDK, df and
 * others read it. `rootfs` is mounted, and what it holds is the image's: links lead no further than to it.
 */
export function linkMtab(rootfs: string): void {
  const root = openPath(Buffer.from(rootfs).toString("latin1"), directory);
  try {
    if (isMissing(() => closeFd(openAt2(root, "etc", directory, inRoot))))
      makeDirectoryAt(root, "etc", 0o755);
    const etc = openAt2(root, "etc", directory, inRoot);
    try {
      symlinkAt("/proc/mounts", etc, "mtab");
    } finally {
      closeFd(etc);
    }
  } catch (error) {
    // The image has one, or something else where the folder or the link would be.
    if (!["EEXIST", "ENOTDIR", "ELOOP", "ENOENT"].includes(errnoOf(error) ?? "")) throw error;
  } finally {
    closeFd(root);
  }
}

function isMissing(step: () => void): boolean {
  try {
    step();
    return false;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return true;
    throw error;
  }
}
