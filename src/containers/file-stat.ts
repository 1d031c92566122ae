import { posix } from "node:path";
import { rfc3339Nano } from "../base/clock.ts";
import { errnoOf, notFound } from "../base/errors.ts";
import { type FileStatus, fileTypes, readLinkAt, statusAt } from "../linux/file-at.ts";
import { type Container, hasProcess } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { FileView, idleView, mountOf, type OpenPlace, runningView } from "./file-view.ts";

/** What `X-Docker-Container-Path-Stat` tells of a file, in Go's terms. */
export interface PathStat {
  name: string;
  size: number;
  /** Go's `os.FileMode`. */
  mode: number;
  mtime: string;
  /** Of a symbolic link: where it leads to in the end, from the container's root. */
  linkTarget: string;
}

/** Go's bits for what is not a permission (package io/fs). */
const typeBits: Readonly<Record<number, number>> = {
  [fileTypes.directory]: 2 ** 31,
  [fileTypes.symlink]: 2 ** 27,
  [fileTypes.block]: 2 ** 26,
  [fileTypes.fifo]: 2 ** 25,
  [fileTypes.socket]: 2 ** 24,
  [fileTypes.character]: 2 ** 26 + 2 ** 21,
};
const specialBits: readonly [unix: number, go: number][] = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
];

function goFileMode(mode: number): number {
  const special = specialBits.reduce((sum, [unix, go]) => sum + (mode & unix ? go : 0), 0);
  return (mode & 0o777) + special + (typeBits[mode & fileTypes.mask] ?? 0);
}

/** A file of a container that was found. */
export interface FoundFile extends Disposable {
  view: FileView;
  place: OpenPlace;
  status: FileStatus;
  stat: PathStat;
}

/** A path of the API: from the root, with the slash or the dot at its end that makes links be followed. */
export function absolutePath(path: string): string {
  const clean = posix.join("/", path);
  return /\/\.$/.test(path) && !clean.endsWith("/.") ? `${clean.replace(/\/$/, "")}/.` : clean;
}

/** Finds a file of a container, running or not. `called`: what the client calls the container. Throws `notFound`. */
export function findFile(deps: ContainerDeps, container: Container, called: string, path: string): FoundFile {
  const absolute = absolutePath(path);
  const inMount = hasProcess(container) ? undefined : mountOf(container, absolute);
  const view = hasProcess(container)
    ? runningView(container)
    : inMount
      ? new FileView(inMount.root)
      : idleView(deps, container.id, container.spec.layers);
  try {
    const place = view.locate(inMount?.path ?? absolute);
    try {
      const status = statusAt(place.dir, place.base);
      if (!status) throw missing(called, path);
      const stat = pathStat(view, place, status, absolute);
      return {
        view,
        place,
        status,
        stat,
        [Symbol.dispose]: () => {
          place[Symbol.dispose]();
          view[Symbol.dispose]();
        },
      };
    } catch (error) {
      place[Symbol.dispose]();
      throw error;
    }
  } catch (error) {
    view[Symbol.dispose]();
    throw ["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "") ? missing(called, path) : error;
  }
}

export function missing(called: string, path: string) {
  return notFound(`Could not find the file ${path} in container ${called}`);
}

function pathStat(view: FileView, place: OpenPlace, status: FileStatus, absolute: string): PathStat {
  const isLink = (status.mode & fileTypes.mask) === fileTypes.symlink;
  const written = () =>
    posix.resolve(
      posix.dirname(absolute),
      Buffer.from(readLinkAt(place.dir, place.base), "latin1").toString(),
    );
  return {
    name: posix.basename(absolute) || "/",
    size: status.size,
    mode: goFileMode(status.mode),
    mtime: rfc3339Nano(status.mtime),
    linkTarget: isLink ? (view.follow(absolute) ?? written()) : "",
  };
}
