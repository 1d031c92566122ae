import { mkdirSync, readdirSync, rmdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, internal, invalidArgument } from "../base/errors.ts";
import { cloneMount, type DetachedMount } from "../linux/detached-mount.ts";
import { closeFd, openAt2, openFlags, openPath, resolveFlags } from "../linux/file-at.ts";
import { reasonOf } from "../linux/libc.ts";
import { unmount } from "../linux/mount.ts";
import { mountOverlay } from "../linux/overlay.ts";
import { openUserNamespace, type RemappedIds } from "../linux/user-namespace.ts";
import type { ResourceTable } from "../store/resources.ts";
import { type IdMap, idMapsOf } from "./id-map.ts";

/** Beside the folders of the containers, two that stay empty. */
const emptyName = "empty";

const byteString = (text: string) => Buffer.from(text).toString("latin1");

export interface MountOwners {
  idMap?: IdMap | undefined;
  remapped?: RemappedIds | undefined;
  recursive?: boolean;
}

function mapOwners(
  mount: DetachedMount,
  subject: string,
  { idMap, remapped }: MountOwners,
  source: { uid: number; gid: number },
): void {
  if (!idMap) {
    if (remapped) mount.mapOwners(remapped.namespace, subject);
    return;
  }
  const maps = idMapsOf(idMap, source, remapped);
  if (!maps) return;
  using namespace = openUserNamespace(maps);
  mount.mapOwners(namespace, subject);
}

/**
 * Mounts that are made ready on the host for the runtime to take over into a container: what a plain bind cannot say
 * (a part of a volume, an image, other owners). They are needed during a start only; the container has its own copies
 * from then on. Each stands at `<root>/<container>/<number>`.
 */
export class StagedMounts {
  readonly #root: string;
  readonly #resources: ResourceTable;

  constructor(root: string, resources: ResourceTable) {
    this.#root = root;
    this.#resources = resources;
  }

  /**
   * The mount of `fd` (a directory or a file, and what is mounted below it), with other owners when `idMap` or
   * `remapped`. `subject` says of what, in errors.
   */
  bind(container: string, fd: number, subject: string, owners: MountOwners = {}): string {
    const path = `/proc/self/fd/${fd}`;
    const status = statSync(path);
    using mount = cloneMount(fd, owners.recursive);
    mapOwners(mount, subject, owners, status);
    return this.#attach(container, mount, status.isDirectory());
  }

  /** The directory with the owners that `remapped` says, without what is mounted below it. */
  remap(container: string, directory: string, remapped: RemappedIds): string {
    const fd = openPath(byteString(directory), openFlags.path | openFlags.directory);
    try {
      return this.bind(container, fd, directory, { remapped, recursive: false });
    } finally {
      closeFd(fd);
    }
  }

  /** A view of `layers` (the topmost first) that cannot be written. */
  overlay(container: string, all: readonly string[]): string {
    const target = this.#place(container, true);
    const layers = [...new Set(all)];
    // An overlay without an upper directory takes two layers at least. These outlive the container's start.
    const fillers = ["1", "2"].map((name) => join(this.#root, emptyName, name)).slice(layers.length);
    for (const filler of fillers) mkdirSync(filler, { recursive: true });
    mountOverlay({ target, lower: [...layers, ...fillers] });
    return target;
  }

  #attach(container: string, mount: DetachedMount, directory: boolean): string {
    const target = this.#place(container, directory);
    mount.attach(target);
    return target;
  }

  /** Something to mount on; its row is written first. */
  #place(container: string, directory: boolean): string {
    const folder = join(this.#root, container);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const target = join(folder, String(readdirSync(folder).length));
    this.#resources.claim({ kind: "mount", key: target, owner: container });
    if (directory) mkdirSync(target, { mode: 0o755 });
    else writeFileSync(target, "", { flag: "wx" });
    return target;
  }

  /** Takes away all that is staged for the container. What is behind the mounts is never touched. */
  release(container: string): void {
    const folder = join(this.#root, container);
    for (const name of namesIn(folder)) {
      const target = join(folder, name);
      unmount(target, { detach: true });
      // Neither of them removes anything that is still mounted, or not empty.
      if (statSync(target).isDirectory()) rmdirSync(target);
      else unlinkSync(target);
      this.#resources.release({ kind: "mount", key: target });
    }
    removeIfThere(folder);
  }

  /** After a crash: nothing is being started any more. */
  reconcile(): void {
    for (const container of namesIn(this.#root)) if (container !== emptyName) this.release(container);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

function removeIfThere(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/**
 * Opens what is at `subpath` in `base`; links lead no further than `base`. The caller closes it (`closeFd`).
 * Throws `invalidArgument` with Docker's words.
 */
export function openSubpath(base: string, subpath: string): number {
  const root = openPath(byteString(base), openFlags.path | openFlags.directory);
  try {
    const flags = resolveFlags.beneath | resolveFlags.noMagicLinks;
    return openAt2(root, byteString(subpath), openFlags.path, flags);
  } catch (error) {
    if (errnoOf(error) === "EXDEV") {
      throw invalidArgument(
        `path concatenation escapes the base directory, base: ${JSON.stringify(base)}, subpath: ${JSON.stringify(subpath)}`,
      );
    }
    throw internal(`cannot access path ${join(base, subpath)}: ${reasonOf(error)}`, error);
  } finally {
    closeFd(root);
  }
}
