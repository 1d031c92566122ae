import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type FileStat, goModes } from "../api/buildkit/session.ts";
import { comparePaths } from "../base/path-order.ts";
import { changeStamp } from "./change-stamp.ts";

/** Which files go along. */
export interface Choice {
  /** False for a file that stays here; a folder that has others in it goes along with them. */
  takes(path: string): boolean;
  /** Whether a folder has to be looked into. */
  mayTakeBelow(path: string): boolean;
}

const everything: Choice = { takes: () => true, mayTakeBelow: () => true };

/**
 * All files below `root`: folders before what is in them, names in the order of their bytes, as receivers check. Looks
 * at each when it is asked for. A further name of a file that was told is told as a link to the first one, without a size.
 */
export function walk(root: string, choice: Choice = everything): Generator<FileStat> {
  return below({ root, choice, linked: new Map() }, "", []);
}

interface Walk {
  root: string;
  choice: Choice;
  /** The first name of each file that has several; by device and inode. */
  linked: Map<string, string>;
}

/** `pending`: folders above that were not told, since nothing in them was taken so far. */
function* below(all: Walk, folder: string, pending: FileStat[]): Generator<FileStat> {
  const { root, choice, linked } = all;
  for (const name of readdirSync(join(root, folder)).sort(comparePaths)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const isTaken = choice.takes(path);
    if (!isTaken && !choice.mayTakeBelow(path)) continue;
    const stat = statOf(join(root, path), path, isTaken ? linked : undefined);
    if (stat === undefined) continue;
    const isFolder = stat.mode >= goModes.directory;
    if (isTaken) {
      yield* pending.splice(0);
      yield stat;
    } else if (isFolder) pending.push(stat);
    if (isFolder) yield* below(all, path, pending);
    const at = pending.indexOf(stat);
    if (at >= 0) pending.splice(at);
  }
}

/** Undefined for what no client can make: devices, sockets. `linked`: see `Walk`. */
export function statOf(full: string, path: string, linked?: Map<string, string>): FileStat | undefined {
  const status = lstatSync(full, { bigint: true });
  const isLink = status.isSymbolicLink();
  const isDirectory = status.isDirectory();
  if (!isLink && !isDirectory && !status.isFile()) return undefined;
  const bits = Number(status.mode);
  const mode =
    (bits & 0o777) +
    (bits & 0o4000 ? goModes.setuid : 0) +
    (bits & 0o2000 ? goModes.setgid : 0) +
    (bits & 0o1000 ? goModes.sticky : 0) +
    (isLink ? goModes.symlink : 0) +
    (isDirectory ? goModes.directory : 0);
  const first = status.isFile() && status.nlink > 1n ? firstName(status, path, linked) : undefined;
  return {
    path,
    mode,
    uid: Number(status.uid),
    gid: Number(status.gid),
    size: status.isFile() && first === undefined ? Number(status.size) : 0,
    modTime: status.mtimeNs,
    linkname: isLink ? readlinkSync(full) : (first ?? ""),
    devmajor: 0,
    devminor: 0,
    xattrs: {},
    stamp: status.isFile() ? changeStamp(status, Date.now()) : "",
  };
}

/** The name by which the file was told already; undefined where this is the first one. */
function firstName(
  { dev, ino }: { dev: bigint; ino: bigint },
  path: string,
  linked: Map<string, string> | undefined,
): string | undefined {
  const key = `${dev}:${ino}`;
  const first = linked?.get(key);
  if (first === undefined) linked?.set(key, path);
  return first;
}
