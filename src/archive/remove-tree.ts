import { basename, dirname } from "node:path";
import { closeFd, openFlags, openPath } from "../linux/file-at.ts";
import { fromText } from "./byte-string.ts";
import { removeTreeAt } from "./extract-root.ts";

/**
 * Removes `path` and all below it, whatever the names and modes of the files are; nothing there is fine. Synchronous.
 */
export function removeTree(path: string): void {
  const dir = openPath(fromText(dirname(path)), openFlags.path | openFlags.directory);
  try {
    removeTreeAt(dir, fromText(basename(path)));
  } finally {
    closeFd(dir);
  }
}
