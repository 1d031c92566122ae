import { accessSync, constants, createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { DiskWorkers } from "../archive/disk-workers.ts";
import type { PackSource } from "../archive/pack.ts";
import { packStream } from "../archive/pack-stream.ts";
import type { ExtractJob } from "../archive/unpack.ts";
import { errnoOf, forbidden, invalidArgument, notFound } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { closeFd } from "../linux/file-at.ts";
import { type IdMaps, idsOfProcess } from "../linux/user-namespace.ts";
import { type Container, hasProcess } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { absolutePath, findFile, missing, type PathStat } from "./file-stat.ts";
import { FileView, idleView, mountOf, runningView } from "./file-view.ts";
import { containerPaths } from "./paths.ts";
import { reach } from "./reach.ts";
import { mountRootfs, removeRunDirectory, unmountRootfs } from "./rootfs.ts";
import { RootfsView } from "./spec/rootfs-view.ts";
import { resolveUser } from "./spec/user.ts";

/** What the work on files needs besides: threads for what is read at the client's pace, and for what is not. */
export type ArchiveDeps = ContainerDeps & { workers: DiskWorkers; packers: DiskWorkers };

/** `docker cp` out of a container: what the path is, and its archive. Throws `notFound`. */
export async function readArchive(
  deps: ArchiveDeps,
  container: Container,
  called: string,
  path: string,
): Promise<{ stat: PathStat; archive: AsyncGenerator<Uint8Array> }> {
  await reach(deps, container, absolutePath(path));
  const found = findFile(deps, container, called, path);
  deps.events("archive-path", container, {});
  const { dir, base } = found.place;
  // The root is told with an empty name, so that its files begin with one slash.
  const name = Buffer.from(found.stat.name === "/" ? "" : found.stat.name).toString("latin1");
  const ids = idsOf(container);
  return { stat: found.stat, archive: streamed(deps.packers, { dir, base, name, ids }, found) };
}

/** `docker export`: the container's files, without what is mounted. */
export function exportContainer(deps: ArchiveDeps, container: Container): AsyncGenerator<Uint8Array> {
  const view = hasProcess(container)
    ? new FileView(containerPaths(deps.roots, container.id).rootfs)
    : idleView(deps, container.id, container.spec.layers);
  deps.events("export", container, {});
  return streamed(deps.packers, { tree: view.root, ids: idsOf(container) }, view);
}

/** On the disk files have the owners that the container sees; what a running one mounts has the host's. */
function idsOf(container: Container): IdMaps | undefined {
  return hasProcess(container) ? idsOfProcess(container.state.pid) : undefined;
}

/** The archive; `owned` is disposed of when it has been read, or is not read any more. */
async function* streamed(
  packers: DiskWorkers,
  source: PackSource,
  owned: Disposable,
): AsyncGenerator<Uint8Array> {
  using _ = owned;
  yield* packStream(packers, source);
}

export interface ExtractRequest {
  path: string;
  /** What the client calls the container. */
  called: string;
  /** A directory must not replace something else, nor the contrary. */
  keepKinds: boolean;
  /** The files are to belong to the container's user. */
  asUser: boolean;
  archive: AsyncIterable<Uint8Array>;
  signal: AbortSignal;
}

/** `docker cp` into a container. Throws `notFound`, `invalidArgument`, `forbidden` where it is read-only. */
export async function extractArchive(
  deps: ArchiveDeps,
  container: Container,
  request: ExtractRequest,
): Promise<void> {
  const folder = join(deps.roots.dataRoot, "tmp");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `archive-${newId(deps.random)}`);
  await reach(deps, container, absolutePath(request.path));
  try {
    // The container's turn must not be held for as long as a client takes to send, and what is cut off changes nothing.
    await pipeline(Readable.from(request.archive), createWriteStream(file, { mode: 0o600 }), {
      signal: request.signal,
    });
    if (hasProcess(container))
      await extract(deps, container, request, file, runningView(container), absolutePath(request.path));
    else await deps.turns.run(container.id, () => extractIdle(deps, container, request, file));
  } finally {
    await rm(file, { force: true });
  }
  deps.events("extract-to-dir", container, {});
}

async function extractIdle(
  deps: ArchiveDeps,
  container: Container,
  request: ExtractRequest,
  file: string,
): Promise<void> {
  if (!deps.set.get(container.id)) throw notFound(`No such container: ${request.called}`);
  const path = absolutePath(request.path);
  // It has been started meanwhile.
  if (hasProcess(container)) return extract(deps, container, request, file, runningView(container), path);
  const inMount = mountOf(container, path);
  if (inMount ? !inMount.mount.rw : container.spec.hostConfig.ReadonlyRootfs) throw readOnly();
  if (inMount) return extract(deps, container, request, file, new FileView(inMount.root), inMount.path);
  const { run, rootfs } = containerPaths(deps.roots, container.id);
  deps.resources.claim(
    { kind: "directory", key: run, owner: container.id },
    { kind: "mount", key: rootfs, owner: container.id },
  );
  try {
    mountRootfs(deps, container);
    await extract(deps, container, request, file, new FileView(rootfs), path);
  } finally {
    unmountRootfs(deps, container.id);
    await removeRunDirectory(deps, container.id);
  }
}

async function extract(
  deps: ArchiveDeps,
  container: Container,
  request: ExtractRequest,
  file: string,
  view: FileView,
  path: string,
): Promise<void> {
  using _ = view;
  checkTarget(view, path, request);
  const job: ExtractJob = {
    sources: [file],
    programs: true,
    directory: view.root,
    options: {
      whiteouts: "plain",
      devices: true,
      ids: idsOf(container),
      into: {
        path: Buffer.from(path).toString("latin1"),
        keepKinds: request.keepKinds,
        ...(request.asUser ? ownerOf(container, view) : {}),
      },
    },
  };
  await deps.workers.run("extract", job, { signal: request.signal });
}

function checkTarget(view: FileView, path: string, request: ExtractRequest): void {
  try {
    const fd = view.directory(path);
    try {
      accessSync(`/proc/self/fd/${fd}`, constants.W_OK);
    } finally {
      closeFd(fd);
    }
  } catch (error) {
    if (errnoOf(error) === "ENOENT") throw missing(request.called, request.path);
    if (errnoOf(error) === "ENOTDIR") throw invalidArgument("extraction point is not a directory");
    throw errnoOf(error) === "EROFS" ? readOnly() : error;
  }
}

const readOnly = () => forbidden("container rootfs is marked read-only");

/** The container's own user; nobody in particular where it has none. */
function ownerOf({ spec }: Container, view: FileView): { owner?: { uid: number; gid: number } } {
  if (!spec.config.User) return {};
  using rootfs = new RootfsView(view.root);
  const { uid, gid } = resolveUser(spec.config.User, [], {
    passwd: () => rootfs.readText("/etc/passwd"),
    group: () => rootfs.readText("/etc/group"),
  });
  return { owner: { uid, gid } };
}
