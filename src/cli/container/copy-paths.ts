import { lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { posix, resolve } from "node:path";
import { errnoOf, invalidArgument } from "../../base/errors.ts";

/** One end of a copy, as far as it is known before anything is copied. */
export interface CopyEnd {
  path: string;
  exists: boolean;
  isDirectory: boolean;
}

/** The end that is copied from. `rebase`: what it is to be called where a link was followed; empty otherwise. */
export interface CopySource {
  path: string;
  isDirectory: boolean;
  rebase: string;
}

/** `CONTAINER:PATH`, or a path of this machine, which begins with `/` or `.` where it holds a colon. */
export function splitCopyArgument(text: string): { container: string; path: string } {
  const colon = text.indexOf(":");
  const local = text.startsWith("/") || text.startsWith(".") || colon < 0;
  return local
    ? { container: "", path: text }
    : { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

const endsInDot = (path: string) => posix.basename(path) === ".";

/**
 * Folder and name of a path; a name of `.` at the end is kept, since it asks for what is in a folder and not for the
 * folder.
 */
export function splitPath(path: string): { folder: string; name: string } {
  const clean = posix.normalize(path).replace(/(.)\/$/, "$1");
  if (endsInDot(path) && clean !== ".") return { folder: clean, name: "." };
  return { folder: posix.dirname(clean), name: posix.basename(clean) || "/" };
}

/** The absolute form of a path of this machine, with the slash or the dot that it ends in. */
export function absoluteLocal(path: string): string {
  const absolute = resolve(path);
  if (endsInDot(path) && !endsInDot(absolute)) return `${absolute.replace(/\/$/, "")}/.`;
  return path.endsWith("/") && !absolute.endsWith("/") ? `${absolute}/` : absolute;
}

/** `resolved` in place of `path`, whose last name a link may have changed: the archive is to have the old one. */
export function keepName(path: string, resolved: string): { path: string; rebase: string } {
  let kept = resolved;
  if (endsInDot(path) && !endsInDot(kept)) kept += "/.";
  if (path.endsWith("/") && !kept.endsWith("/")) kept += "/";
  const name = posix.basename(path);
  return { path: kept, rebase: name === posix.basename(kept) ? "" : name };
}

/** Where a copy goes, and how its top name there is to be called. Undefined: as the source is called. */
export interface CopyPlan {
  folder: string;
  rename?: { from: string; to: string };
}

/** What `cp` makes of source and destination. Throws `invalidArgument` for what does not fit together. */
export function planCopy(source: CopySource, target: CopyEnd): CopyPlan {
  const { folder, name } = splitPath(target.path);
  const from = source.rebase || splitPath(source.path).name;
  if (target.exists && target.isDirectory) return { folder: target.path };
  if (target.exists && source.isDirectory) throw invalidArgument("cannot copy directory");
  const wantsFolder = target.path.endsWith("/") || endsInDot(target.path);
  if (!target.exists && !source.isDirectory && wantsFolder) throw invalidArgument("no such directory");
  return { folder, rename: { from: from === "/" ? "" : from, to: name } };
}

const goReasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
  EACCES: "permission denied",
  ELOOP: "too many levels of symbolic links",
};

/** Runs a look at the disk; its error is told as Go tells it (`lstat /x: no such file or directory`). */
function looking<T>(call: string, path: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    const reason = goReasons[errnoOf(error) ?? ""];
    throw reason === undefined ? error : invalidArgument(`${call} ${path}: ${reason}`, error);
  }
}

/** A file of this machine that is to be copied. Throws `invalidArgument` where there is none. */
export function localSource(path: string, followLink: boolean): CopySource {
  let found: { path: string; rebase: string };
  if (followLink)
    found = keepName(
      path,
      looking("lstat", path, () => realpathSync(path)),
    );
  else {
    const slash = path.lastIndexOf("/") + 1;
    const folder = path.slice(0, slash);
    const real = looking("lstat", folder.replace(/(.)\/$/, "$1"), () => realpathSync(folder || "."));
    const resolved = `${real}/${path.slice(slash)}`;
    const changed = path.endsWith("/") && posix.basename(path) !== posix.basename(resolved);
    found = { path: resolved, rebase: changed ? posix.basename(path) : "" };
  }
  const isDirectory = looking("lstat", found.path, () => lstatSync(found.path)).isDirectory();
  return { ...found, isDirectory };
}

const mostLinks = 10;

/** The place on this machine that is copied to: links are followed, the last name may be missing. */
export function localTarget(given: string): CopyEnd {
  let path = given;
  let stat = statLink(path);
  for (let count = 0; stat?.isSymbolicLink(); count++) {
    if (count > mostLinks) throw invalidArgument(`too many symlinks in ${given}`);
    path = resolve(splitPath(path).folder, readlinkSync(path));
    stat = statLink(path);
  }
  if (stat) return { path, exists: true, isDirectory: stat.isDirectory() };
  const { folder } = splitPath(path);
  if (!looking("stat", folder, () => statSync(folder)).isDirectory())
    throw invalidArgument("not a directory");
  return { path, exists: false, isDirectory: false };
}

function statLink(path: string) {
  return looking("lstat", path, () => lstatSync(path, { throwIfNoEntry: false }));
}

/** Refuses, before anything is asked of the daemon, a place that nothing can be written to. */
export function checkLocalTarget(path: string): void {
  const folder = posix.dirname(posix.normalize(path).replace(/(.)\/$/, "$1"));
  if (folder !== "." && !statSync(folder, { throwIfNoEntry: false })) {
    throw invalidArgument(`invalid output path: directory ${JSON.stringify(folder)} does not exist`);
  }
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isBlockDevice() || stat?.isCharacterDevice()) {
    throw invalidArgument(
      `invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: got a device`,
    );
  }
}
