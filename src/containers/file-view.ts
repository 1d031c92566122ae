import { mkdirSync, readlinkSync, rmdirSync, statSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { closeFd, openAt2, openFlags, openPath, resolveFlags } from "../linux/file-at.ts";
import { unmount } from "../linux/mount.ts";
import { mountOverlay } from "../linux/overlay.ts";
import type { Digest } from "../oci/digest.ts";
import type { MountPoint } from "../volumes/mount-point.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { containerPaths } from "./paths.ts";

const directoryFlags = openFlags.path | openFlags.directory;
const byteString = (text: string) => Buffer.from(text).toString("latin1");

/** A directory that is open, and a name in it (`.`: the directory itself). */
export interface OpenPlace extends Disposable {
  dir: number;
  base: string;
}

/** A container's file system, or one mount of it, seen from the host. Links lead no further than to its root. */
export class FileView implements Disposable {
  /** On the host. */
  readonly root: string;
  readonly #fd: number;
  readonly #close: () => void;

  /** `close` undoes what made the root visible. */
  constructor(root: string, close: () => void = () => {}) {
    this.root = root;
    this.#fd = openPath(byteString(root), directoryFlags);
    this.#close = close;
  }

  #open(path: string, flags: number): number {
    return openAt2(this.#fd, byteString(path), flags, resolveFlags.inRoot | resolveFlags.noMagicLinks);
  }

  /** Opens the directory that a path leads to. The caller closes it. */
  directory(path: string): number {
    return this.#open(path, directoryFlags);
  }

  /** The place of a path; its last name may be missing. A link there is followed only where a slash or a dot comes after it. */
  locate(path: string): OpenPlace {
    const { dir, base } = posix.parse(path);
    const whole = path.endsWith("/") || base === ".";
    const fd = this.directory(whole ? path : dir);
    return { dir: fd, base: whole ? "." : byteString(base), [Symbol.dispose]: () => closeFd(fd) };
  }

  /** Where a path leads to when all its links are followed, from the root; undefined when it leads nowhere. */
  follow(path: string): string | undefined {
    try {
      const fd = this.#open(path, openFlags.path);
      const [target = "", root = ""] = [fd, this.#fd].map((one) => readlinkSync(`/proc/self/fd/${one}`));
      closeFd(fd);
      return root === "/" ? target : target.slice(root.length) || "/";
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
    this.#close();
  }
}

/** Everything of the container as its processes see it, with its mounts; for a container that runs. */
export function runningView({ state }: Container): FileView {
  return new FileView(`/proc/${state.pid}/root`);
}

/** The files of a container that does not run, without its mounts, to be read; changes do not show in it. */
export function idleView(deps: ContainerDeps, id: string, diffIds: readonly Digest[]): FileView {
  const { upper } = containerPaths(deps.roots, id);
  const layers = diffIds.map((layer) => deps.layers.path(layer)).toReversed();
  if (layers.length === 0) return new FileView(upper);
  const target = join(deps.roots.execRoot, "containers", `view-${newId(deps.random)}`);
  deps.resources.claim({ kind: "mount", key: target, owner: id });
  const close = () => {
    unmount(target, { detach: true });
    rmdirSync(target);
    deps.resources.release({ kind: "mount", key: target });
  };
  mkdirSync(target, { recursive: true, mode: 0o700 });
  try {
    mountOverlay({ target, lower: [upper, ...layers] });
    return new FileView(target, close);
  } catch (error) {
    close();
    throw error;
  }
}

/** The volume or bind that a path of a container that does not run is in, and what the path is in there. */
export function mountOf(
  { spec }: Container,
  path: string,
): { mount: MountPoint; root: string; path: string } | undefined {
  const clean = posix.normalize(path);
  const holds = ({ destination }: MountPoint) =>
    clean === destination || clean.startsWith(`${destination.replace(/\/$/, "")}/`);
  const mount = spec.mounts
    .filter(({ type, source }) => (type === "bind" || type === "volume") && source !== "")
    .filter(holds)
    .sort((a, b) => b.destination.length - a.destination.length)[0];
  if (!mount) return undefined;
  const rest = clean.slice(mount.destination.length);
  return isDirectory(mount.source)
    ? { mount, root: mount.source, path: join("/", rest) + trailing(path) }
    : { mount, root: dirname(mount.source), path: join("/", basename(mount.source)) };
}

/** `posix.normalize` drops a final dot, which means that a link is to be followed. */
function trailing(path: string): string {
  return /\/\.?$/.test(path) ? "/." : "";
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
