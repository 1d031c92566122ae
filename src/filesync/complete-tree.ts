import { chmodSync, linkSync, lstatSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { FileList } from "../archive/file-list.ts";
import {
  arrivedTail,
  contentStates,
  decodeRecord,
  fileKinds,
  kindOf,
  type ListedFile,
  stateOf,
  tailAt,
} from "../archive/file-record.ts";
import { isWithin } from "../base/path-order.ts";
import { invalidLink } from "./context-error.ts";
import { permissions } from "./go-mode.ts";

/**
 * Does what can be done only when the content of all files is there: gives some their further names, and the folders their
 * permissions and times, each after what is in it.
 */
export function completeTree(directory: string, list: FileList): void {
  const folders: ListedFile[] = [];
  const leave = (path: string | undefined) => {
    for (let last = folders.at(-1); last !== undefined; last = folders.at(-1)) {
      if (path !== undefined && isWithin(path, last.path)) return;
      folders.pop();
      dress(join(directory, last.path), last);
    }
  };
  for (const cursor = list.from(); cursor.record !== undefined; cursor.next()) {
    const { record, path, offset } = cursor;
    leave(path);
    if (kindOf(record) === fileKinds.folder) folders.push(decodeRecord(record));
    if (stateOf(record) !== contentStates.linked) continue;
    link(directory, decodeRecord(record));
    list.overwrite(offset + tailAt(record), arrivedTail(undefined));
  }
  leave(undefined);
}

function dress(path: string, { mode, modTime }: ListedFile): void {
  const seconds = Number(modTime / 1000n) / 1e6;
  chmodSync(path, permissions(mode));
  utimesSync(path, seconds, seconds);
}

/** Gives a file a further name. Nothing on the way to the first one may be a symbolic link, which could lead out. */
function link(directory: string, { path, linkname }: ListedFile): void {
  const parts = linkname.split("/");
  const isThere = parts.every((part, at) => {
    if (part === "" || part === "." || part === "..") return false;
    const found = lstatSync(join(directory, ...parts.slice(0, at + 1)), { throwIfNoEntry: false });
    return at === parts.length - 1 ? found?.isFile() : found?.isDirectory();
  });
  if (!isThere) throw invalidLink(path);
  linkSync(join(directory, linkname), join(directory, path));
}
