import { chownSync, lstatSync, mkdirSync, readlinkSync, statSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import type { HostConfig } from "../api/containers.ts";
import { invalidArgument } from "../base/errors.ts";
import type { MountPoint } from "../volumes/mount-point.ts";
import { cleanPath } from "../volumes/parse-mount.ts";
import type { Owner } from "./spec/shm.ts";

/** As the kernel counts them (path_resolution(7)). */
const maxLinks = 40;

/**
 * Where a path leads to when `root` is taken for the root: an absolute path in `root` without any link. What does not
 * exist is taken as it stands, also behind a link. Throws `invalidArgument` for links that go round in circles.
 */
export function resolveInRoot(root: string, path: string): string {
  let resolved = "/";
  let links = 0;
  const pending = path.split("/").reverse();
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    // It holds no link: going up is the same on paper.
    const next = posix.join(resolved, name);
    const status = lstatSync(join(root, next), { throwIfNoEntry: false });
    if (!status?.isSymbolicLink()) {
      resolved = next;
      continue;
    }
    if (++links > maxLinks) throw invalidArgument(`too many links in ${path}`);
    const target = readlinkSync(join(root, next));
    if (target.startsWith("/")) resolved = "/";
    pending.push(...target.split("/").reverse());
  }
  return resolved;
}

/**
 * Makes the folders that links of the image promise, where something is to be mounted on such a link: the runtime (crun
 * 1.8) makes any other by itself. `rootfs` is mounted, and nothing runs in it.
 */
export function makeLinkedDestinations(
  rootfs: string,
  mounts: readonly MountPoint[],
  { Tmpfs }: HostConfig,
  owner?: Owner,
): void {
  const folders = mounts.filter(({ type, source }) => type !== "bind" || isDirectory(source));
  const places = [...folders.map((mount) => mount.destination), ...Object.keys(Tmpfs ?? {}).map(cleanPath)];
  for (const destination of places) {
    const place = resolveInRoot(rootfs, destination);
    if (place === destination) continue;
    const made = mkdirSync(join(rootfs, place), { recursive: true, mode: 0o755 });
    if (made !== undefined && owner) chownFrom(made, join(rootfs, place), owner);
  }
}

/** Gives away what was made: the folders from `first` down to `last`. */
function chownFrom(first: string, last: string, { uid, gid }: Owner): void {
  for (let path = last; path.length >= first.length; path = dirname(path)) chownSync(path, uid, gid);
}

const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
