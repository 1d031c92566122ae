import { lstatSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import { rfc3339Nano } from "../base/clock.ts";
import { errnoOf, internal, invalidArgument } from "../base/errors.ts";
import type { Container } from "../containers/container.ts";
import { createContainer } from "../containers/create.ts";
import { containerPaths } from "../containers/paths.ts";
import { removeContainer } from "../containers/remove.ts";
import { mountRootfs, removeRunDirectory, unmountRootfs } from "../containers/rootfs.ts";
import type { Lease } from "../images/blobs.ts";
import { packLayer } from "../images/commit.ts";
import type { BuilderDeps } from "./deps.ts";
import { type BuiltLayer, fetchLayers, type StageState } from "./stage-state.ts";

/** What an overlay of Linux takes. */
const mostLayers = 500;

/** What every container gets for its mounts; where a step leaves nothing else there, it goes before the layer is made. */
const stubFiles = [".dockerenv", "dev/console", "etc/hosts", "etc/mtab", "etc/resolv.conf"];
const stubFolders = ["dev/pts", "dev/shm", "dev/mqueue", "dev", "proc", "sys", "etc"];

/**
 * The files of a stage with a place for changes on top. It is a container that nobody sees, whether or not a process
 * runs in it: its folders and mounts have rows, and what a crash leaves goes at the next start.
 */
export class WorkRoot implements AsyncDisposable {
  readonly container: Container;
  readonly #deps: BuilderDeps;
  #mounted = false;

  private constructor(deps: BuilderDeps, container: Container) {
    this.#deps = deps;
    this.container = container;
  }

  static async create(
    deps: BuilderDeps,
    state: StageState,
    config: ContainerConfig = { Cmd: ["true"] },
    hostConfig: HostConfig = { NetworkMode: "none" },
  ): Promise<WorkRoot> {
    if (state.layers.length > mostLayers) {
      throw invalidArgument(`max depth exceeded: a stage can have at most ${mostLayers} layers`);
    }
    await fetchLayers(state);
    const { Id } = await createContainer(deps.containers, {
      name: `build-${crypto.randomUUID()}`,
      config,
      hostConfig: { ...hostConfig, LogConfig: { Type: "none", Config: {} } },
      endpoints: {},
      base: {
        id: `sha256:${"0".repeat(64)}`,
        layers: state.layers.map(({ diffId }) => diffId),
        config: { ...state.platform, rootfs: { type: "layers", diff_ids: [] } },
      },
    });
    const container = deps.containers.set.get(Id);
    if (container === undefined) throw internal("a container that was just made is not there");
    return new WorkRoot(deps, container);
  }

  /** Mounts the files; returns where. */
  mount(): string {
    const { containers } = this.#deps;
    const { id } = this.container;
    const { run, rootfs } = containerPaths(containers.roots, id);
    if (this.#mounted) return rootfs;
    containers.resources.claim(
      { kind: "directory", key: run, owner: id },
      { kind: "mount", key: rootfs, owner: id },
    );
    this.#mounted = true;
    mountRootfs(containers, this.container);
    return rootfs;
  }

  /** Mounts the files of the stage alone, without what every container gets for its mounts. */
  mountPlain(): string {
    const { upper } = containerPaths(this.#deps.containers.roots, this.container.id);
    for (const path of stubFiles) rmSync(join(upper, path), { force: true });
    return this.mount();
  }

  async unmount(): Promise<void> {
    if (!this.#mounted) return;
    unmountRootfs(this.#deps.containers, this.container.id);
    await removeRunDirectory(this.#deps.containers, this.container.id);
    this.#mounted = false;
  }

  /**
   * Makes a layer of the changes. Nothing is mounted, and no process runs. `stubs`: paths that are there only because
   * something was mounted on them.
   */
  async seal(lease: Lease, stubs: readonly string[], signal: AbortSignal): Promise<BuiltLayer> {
    const { layers, containers } = this.#deps;
    const { upper } = containerPaths(containers.roots, this.container.id);
    for (const path of [...stubFiles, ...stubs]) removeStub(join(upper, path));
    for (const path of stubFolders) removeStub(join(upper, path));
    const { layer, diffId, bytes } = await packLayer(this.#deps, upper, lease, signal);
    layers.adopt(upper, diffId, bytes);
    return { diffId, descriptor: layer, bytes, created: rfc3339Nano(containers.clock.nowNanos()) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unmount();
    await removeContainer(this.#deps.containers, this.container, { force: true, volumes: true });
  }
}

/** Removes an empty file, or an empty folder as the runtime makes it (crun with the sticky bit). */
function removeStub(path: string): void {
  try {
    const status = lstatSync(path);
    if (status.isFile() && status.size === 0) rmSync(path);
    else if (status.isDirectory() && (status.mode & 0o6777) === 0o755 && status.uid === 0) rmdirSync(path);
  } catch (error) {
    const code = errnoOf(error);
    if (code !== "ENOENT" && code !== "ENOTEMPTY" && code !== "ENOTDIR") throw error;
  }
}
