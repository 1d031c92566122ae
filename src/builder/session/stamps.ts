import { createHash } from "node:crypto";
import { type FileStat, goModes } from "../../api/buildkit/session.ts";
import type { Manifest } from "../../filesync/receive.ts";

const isLink = ({ mode }: FileStat) => Math.floor(mode / goModes.symlink) % 2 === 1;

/**
 * Stands for the files that `paths` name, by what the client tells of them (kind, mode, size, time), for as long as it
 * tells the same. Paths with wildcards, or over symbolic links, stand for all files.
 */
export function stampOf(files: Manifest, paths: readonly string[]): string {
  const prefixes = paths.map((path) => path.split("/").filter((part) => part !== "" && part !== "."));
  const isPlain = prefixes.every((parts) => isPlainPath(files, parts));
  const wanted = isPlain ? prefixes.map((parts) => parts.join("/")) : [""];
  const hash = createHash("sha256");
  for (const stat of files.values()) {
    if (!wanted.some((prefix) => isWithin(stat.path, prefix))) continue;
    const { path, mode, size, modTime, linkname, stamp } = stat;
    // What a directory has of its own are its name and mode.
    const own = mode >= goModes.directory ? [] : [size, String(modTime), linkname, stamp];
    hash.update(JSON.stringify([path, mode, ...own]));
  }
  return hash.digest("hex");
}

const isWithin = (path: string, prefix: string) =>
  prefix === "" || path === prefix || path.startsWith(`${prefix}/`);

function isPlainPath(files: Manifest, parts: readonly string[]): boolean {
  if (parts.some((part) => part === ".." || /[*?[\\]/.test(part))) return false;
  for (let length = 1; length <= parts.length; length++) {
    const stat = files.get(parts.slice(0, length).join("/"));
    if (stat === undefined || isLink(stat)) return false;
  }
  return true;
}
