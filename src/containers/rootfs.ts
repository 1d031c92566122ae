import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { bindMount, unmount } from "../linux/mount.ts";
import { mountOverlay } from "../linux/overlay.ts";
import type { RemappedIds } from "../linux/user-namespace.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { containerPaths } from "./paths.ts";
import { mountShm, type Owner } from "./spec/shm.ts";

/** Makes the folders in which the container's changes are kept. */
export function makeHome(deps: ContainerDeps, id: string): void {
  const paths = containerPaths(deps.roots, id);
  deps.resources.claim({ kind: "directory", key: paths.home, owner: id });
  mkdirSync(paths.home, { recursive: true, mode: 0o710 });
  mkdirSync(paths.upper, { recursive: true, mode: 0o755 });
  mkdirSync(paths.work, { recursive: true, mode: 0o700 });
  // By it programs tell that they are in a container.
  writeFileSync(join(paths.upper, ".dockerenv"), "", { mode: 0o755 });
}

/**
 * Mounts the layers, with the container's own changes on top, at its `rootfs`, with the owners of the disk or those that
 * `remapped` makes of them. The rows have been written.
 */
export function mountRootfs(deps: ContainerDeps, container: Container, remapped?: RemappedIds): void {
  const paths = containerPaths(deps.roots, container.id);
  mkdirSync(paths.bundle, { recursive: true, mode: 0o711 });
  mkdirSync(paths.rootfs, { recursive: true, mode: 0o755 });
  const { staged } = deps.volumes;
  const shown = remapped
    ? (directory: string) => staged.remap(container.id, directory, remapped)
    : (directory: string) => directory;
  // An overlay needs something below; without it the changes are all there is.
  if (container.spec.layers.length === 0) {
    bindMount(shown(paths.upper), paths.rootfs);
  } else {
    // Both on one mount.
    const home = shown(paths.home);
    mountOverlay({
      target: paths.rootfs,
      lower: container.spec.layers.map((layer) => shown(deps.layers.path(layer))).toReversed(),
      upper: { directory: join(home, basename(paths.upper)), work: join(home, basename(paths.work)) },
      // The upper folder must read as a layer by itself, for diff and commit.
      options: ["redirect_dir=off", "metacopy=off"],
    });
  }
  // The overlay has mounts of its own of them.
  if (remapped) staged.release(container.id);
}

/** Mounts the /dev/shm of a container that shares its IPC namespace. */
export function mountSharedMemory(
  deps: ContainerDeps,
  { id, spec }: Container,
  root: Owner | undefined,
): void {
  if (spec.hostConfig.IpcMode !== "shareable") return;
  const { shm } = containerPaths(deps.roots, id);
  deps.resources.claim({ kind: "mount", key: shm, owner: id });
  mountShm(shm, spec.hostConfig.ShmSize ?? deps.settings.shmSize, root);
}

/** Takes the container's mounts away; a process that still looks into one (a shell of the host) does not hold it up. */
export function unmountRootfs(deps: ContainerDeps, id: string): void {
  const { rootfs, shm } = containerPaths(deps.roots, id);
  for (const path of [rootfs, shm]) unmount(path, { detach: true });
  deps.resources.release({ kind: "mount", key: rootfs }, { kind: "mount", key: shm });
}

/** Removes what of the container is in the exec root. Nothing is mounted there any more. */
export async function removeRunDirectory(deps: ContainerDeps, id: string): Promise<void> {
  const { run } = containerPaths(deps.roots, id);
  await rm(run, { recursive: true, force: true });
  deps.resources.release({ kind: "directory", key: run });
}

/** Moves the container's folder to the trash at once, so that it is gone for everyone. Returns where it is now. */
function trashHome(deps: ContainerDeps, id: string): string | undefined {
  const { home } = containerPaths(deps.roots, id);
  const trash = join(deps.roots.dataRoot, "trash");
  const target = join(trash, `container-${id}`);
  mkdirSync(trash, { recursive: true, mode: 0o700 });
  try {
    renameSync(home, target);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    return undefined;
  } finally {
    deps.resources.release({ kind: "directory", key: home });
  }
  return target;
}

/** Deletes the container's folder; out of sight at once. What a crash leaves in the trash goes at the next start. */
export async function removeHome(deps: ContainerDeps, id: string): Promise<void> {
  const trash = trashHome(deps, id);
  if (trash !== undefined) await rm(trash, { recursive: true, force: true });
}
