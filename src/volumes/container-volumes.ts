import { chownSync, mkdirSync, readdirSync } from "node:fs";
import { isAbsolute } from "node:path/posix";
import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import { errnoOf, internal, invalidArgument } from "../base/errors.ts";
import { cryptoRandom, type RandomBytes } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import { closeFd, openFlags, openPath } from "../linux/file-at.ts";
import { reasonOf } from "../linux/libc.ts";
import type { RemappedIds } from "../linux/user-namespace.ts";
import type { Database } from "../store/database.ts";
import { ResourceTable } from "../store/resources.ts";
import { VolumeUserTable } from "../store/volume-users.ts";
import { copyUp } from "./copy-up.ts";
import type { HostPaths } from "./host-paths.ts";
import type { MountPoint } from "./mount-point.ts";
import { planMounts } from "./plan-mounts.ts";
import { type MountOwners, openSubpath, StagedMounts } from "./staged-mounts.ts";
import type { VolumeEvents } from "./volume.ts";
import { VolumeMounts } from "./volume-mounts.ts";
import type { VolumeStore } from "./volumes.ts";

/** The images that containers mount. */
export interface MountableImages {
  /** Throws `notFound`. */
  find(reference: string): NonNullable<MountPoint["image"]>;
  /** The folders of its layers, the topmost first; unpacked again where they are gone. */
  layers(image: NonNullable<MountPoint["image"]>): Promise<string[]>;
}

export interface ContainerVolumesOptions {
  database: Database;
  store: VolumeStore;
  images: MountableImages;
  /** Where mounts are made ready for the runtime. */
  stagingRoot: string;
  paths: HostPaths;
  log: Logger;
  events?: VolumeEvents;
  random?: RandomBytes;
}

export interface PlanRequest {
  config: ContainerConfig;
  hostConfig: HostConfig;
  /** Another container, by name or id. Throws `notFound`. */
  volumesFrom: (container: string) => { spec: { mounts: readonly MountPoint[] } };
}

/** What a container that starts is given its mounts for. */
export interface StartingContainer {
  /** Where its root file system is mounted. */
  rootfs: string;
  /** Its ids, where they are not the host's. */
  remapped?: RemappedIds | undefined;
  /** Its binds have the owners of the disk as well. */
  remapBinds?: boolean;
}

/** A container that uses its mounts now. */
export interface RunningContainer {
  id: string;
  mounts: readonly MountPoint[];
}

/** What containers do with volumes and other mounts, from their create to their removal. */
export class ContainerVolumes {
  readonly #store: VolumeStore;
  readonly #users: VolumeUserTable;
  readonly #mounts: VolumeMounts;
  /** What is mounted for the moment of a start. */
  readonly staged: StagedMounts;
  readonly #images: MountableImages;
  readonly #paths: HostPaths;
  readonly #events: VolumeEvents;
  readonly #random: RandomBytes;
  /** The volumes of running containers. */
  readonly #prepared = new Map<string, readonly MountPoint[]>();

  constructor(options: ContainerVolumesOptions) {
    const { database, store } = options;
    this.#store = store;
    this.#users = new VolumeUserTable(database);
    this.#mounts = new VolumeMounts(store, this.#users, options.log);
    this.staged = new StagedMounts(options.stagingRoot, new ResourceTable(database));
    this.#images = options.images;
    this.#paths = options.paths;
    this.#events = options.events ?? (() => {});
    this.#random = options.random ?? cryptoRandom;
  }

  /**
   * Decides the mounts of a container that is created, and makes its volumes; they are its own from now on, until
   * `forgetContainer`. When it throws (`invalidArgument`, `notFound`), nothing new is left.
   */
  async plan(id: string, request: PlanRequest): Promise<MountPoint[]> {
    const { config, hostConfig, volumesFrom } = request;
    const mountsOf = (name: string) => volumesFrom(name).spec.mounts;
    const missing = await this.#missingSources(hostConfig);
    const exists = (path: string) => !missing.has(path);
    const mounts = planMounts({ config, hostConfig, mountsOf, exists, random: this.#random });
    const made: string[] = [];
    try {
      const planned: MountPoint[] = [];
      for (const mount of mounts) planned.push(await this.#claim(id, mount, made));
      return planned;
    } catch (error) {
      this.#users.removeContainer(id);
      for (const name of made) await this.#store.remove(name);
      throw error;
    }
  }

  /** Of `--mount type=bind`, those that have to be there. */
  async #missingSources({ Mounts }: HostConfig): Promise<Set<string>> {
    const missing = new Set<string>();
    for (const { Type, Source = "", BindOptions } of Mounts ?? []) {
      if (Type !== "bind" || !isAbsolute(Source) || BindOptions?.CreateMountpoint) continue;
      if ((await this.#paths.look(Source)) === "missing") missing.add(Source);
    }
    return missing;
  }

  async #claim(id: string, mount: MountPoint, made: string[]): Promise<MountPoint> {
    if (mount.type === "image") return mount.image ? mount : this.#claimImage(mount);
    if (mount.type !== "volume") return mount;
    const isNew = this.#store.find(mount.name) === undefined;
    const options = mount.spec?.VolumeOptions;
    const volume = await this.#store.create(
      {
        Name: mount.name,
        Driver: mount.driver,
        Labels: options?.Labels,
        DriverOpts: options?.DriverConfig?.Options,
      },
      { anonymous: mount.anonymous },
    );
    if (isNew) made.push(volume.name);
    this.#users.add(volume.name, id);
    const { mountpoint: source } = await this.#store.factsIfKnown(volume);
    // Docker shows the label that the volume's content would get.
    const mode = mount.mode === "" && !(mount.anonymous && !mount.spec) ? "z" : mount.mode;
    return { ...mount, source, driver: volume.driver, mode };
  }

  #claimImage(mount: MountPoint): MountPoint {
    const image = this.#images.find(mount.name);
    return { ...mount, image, source: image.id };
  }

  /** The volumes into which the content of the image is still to be copied, each with its place. */
  unfilled(id: string, mounts: readonly MountPoint[]): MountPoint[] {
    if (!mounts.some(({ type }) => type === "volume")) return [];
    const pending = new Set(this.#users.unpopulated(id));
    return mounts.filter(({ type, name, copyData }) => type === "volume" && copyData && pending.has(name));
  }

  /**
   * Copies what the image has at the places of the container's volumes into those that are empty; once for each volume
   * and container.
   */
  async fill(
    id: string,
    mounts: readonly MountPoint[],
    { rootfs, remapped }: StartingContainer,
  ): Promise<void> {
    for (const { name, destination, idMap } of this.unfilled(id, mounts)) {
      const content = await this.#content(name, id);
      const isMapped = idMap ?? remapped;
      const target = isMapped ? this.#mapped(id, name, content, { idMap, remapped }) : content;
      await copyUp(rootfs, destination, target);
      this.#users.setPopulated(name, id);
    }
  }

  /** A volume with other owners; one that nobody has used yet becomes the new owner's. */
  #mapped(id: string, name: string, content: string, owners: MountOwners): string {
    const { idMap } = owners;
    if (idMap && readdirSync(content).length === 0) chownSync(content, idMap.uid ?? 0, idMap.gid ?? 0);
    const fd = openPath(byteString(content), openFlags.path);
    try {
      return this.staged.bind(id, fd, `'${name}'`, owners);
    } finally {
      closeFd(fd);
    }
  }

  /**
   * Makes everything ready for the start of a container: volumes mounted and filled, missing sources of `-v` made.
   * Returns the mounts with their sources. `started` and `release` undo it. Throws what cannot be had.
   */
  async prepare(id: string, mounts: readonly MountPoint[], start: StartingContainer): Promise<MountPoint[]> {
    if (mounts.length === 0) return [];
    await this.fill(id, mounts, start);
    const ready: MountPoint[] = [];
    for (const mount of mounts) ready.push(await this.#ready(id, mount, start));
    const volumes = mounts.filter((mount) => mount.type === "volume");
    for (const mount of volumes) this.#tell("mount", id, mount);
    if (volumes.length > 0) this.#prepared.set(id, volumes);
    return ready;
  }

  async #ready(id: string, mount: MountPoint, start: StartingContainer): Promise<MountPoint> {
    if (mount.type === "tmpfs") return mount;
    const source = await this.#source(id, mount, start.remapped);
    const { subpath, idMap } = mount;
    // A bind shows the host's own owners, unless it is asked for others.
    const isMapped = mount.type === "volume" || idMap || start.remapBinds;
    const remapped = isMapped ? start.remapped : undefined;
    if (!subpath && !idMap && !remapped) return { ...mount, source };
    const subject = `'${mount.type === "bind" ? source : mount.name}'`;
    const fd = subpath ? openSubpath(source, subpath) : openPath(byteString(source), openFlags.path);
    try {
      return { ...mount, source: this.staged.bind(id, fd, subject, { idMap, remapped }) };
    } finally {
      closeFd(fd);
    }
  }

  async #source(id: string, mount: MountPoint, remapped: RemappedIds | undefined): Promise<string> {
    if (mount.type === "bind") await this.#readyBind(mount);
    if (mount.type === "volume") return this.#content(mount.name, id);
    if (mount.type !== "image" || !mount.image) return mount.source;
    const layers = await this.#images.layers(mount.image);
    return this.staged.overlay(
      id,
      remapped ? layers.map((layer) => this.staged.remap(id, layer, remapped)) : layers,
    );
  }

  /** Where a volume's content is; a driver may have it on a server. Throws `unavailable` when that does not answer. */
  async #content(name: string, id: string): Promise<string> {
    const place = await this.#mounts.acquire(name, id);
    if (this.#users.mountedFor(name).includes(id)) await this.#paths.look(place);
    return place;
  }

  async #readyBind({ source, createSource }: MountPoint): Promise<void> {
    if ((await this.#paths.look(source)) !== "missing") return;
    if (!createSource) {
      throw invalidArgument(
        `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      );
    }
    makeSource(source);
  }

  /** The container has its mounts: what was only there for the runtime to take goes. */
  started(id: string): void {
    this.staged.release(id);
  }

  /** After the end of a container, or a start that failed: what was mounted for it alone goes. */
  async release(id: string): Promise<void> {
    for (const mount of this.#prepared.get(id) ?? []) this.#tell("unmount", id, mount);
    this.#prepared.delete(id);
    this.staged.release(id);
    await this.#mounts.release(id);
  }

  /**
   * To be called before the container's row is deleted: whether its anonymous volumes are to stay. A daemon that is
   * killed between that and `forgetContainer` leaves it to the next one.
   */
  decideAnonymous(id: string, stay: boolean): void {
    this.#users.setStays(id, stay);
  }

  /** The container is gone, or was never made. Volumes that it had without a name go too when `removeAnonymous`. */
  async forgetContainer(
    id: string,
    mounts: readonly MountPoint[],
    { removeAnonymous }: { removeAnonymous: boolean },
  ): Promise<void> {
    await this.release(id);
    const names = new Set([...this.#users.volumesOf(id), ...mounts.map((mount) => mount.name)]);
    this.#users.removeContainer(id);
    if (!removeAnonymous) return;
    for (const name of names) {
      const volume = this.#store.find(name);
      if (volume?.anonymous && this.#users.containersOf(name).length === 0) await this.#store.remove(name);
    }
  }

  #tell(action: "mount" | "unmount", container: string, mount: MountPoint): void {
    const detail =
      action === "mount"
        ? { destination: mount.destination, propagation: mount.propagation, "read/write": String(mount.rw) }
        : {};
    this.#events(action, mount.name, { container, driver: mount.driver, ...detail });
  }

  /**
   * Mends rows, disk and mounts after a crash. `containers`: all that exist; `running`: those that run, with their
   * mounts, which they go on using. What is mounted for nobody is unmounted.
   */
  async reconcile(containers: ReadonlySet<string>, running: readonly RunningContainer[]): Promise<void> {
    this.staged.reconcile();
    for (const { id, mounts } of running) {
      const volumes = mounts.filter((mount) => mount.type === "volume");
      if (volumes.length > 0) this.#prepared.set(id, volumes);
    }
    const live = new Set(running.map(({ id }) => id));
    const mounted = this.#mounts.all();
    for (const container of new Set(mounted.map((one) => one.container))) {
      // Plugins may take their time to answer: the daemon does not wait for them.
      if (!live.has(container)) void this.#mounts.release(container);
    }
    for (const { container, stays } of this.#users.containers()) {
      if (!containers.has(container)) await this.forgetContainer(container, [], { removeAnonymous: !stays });
    }
    await this.#store.reconcile();
    const kept = mounted.filter(({ container }) => live.has(container)).map(({ volume }) => volume);
    this.#store.unmountOthers(new Set(kept));
  }
}

const byteString = (text: string) => Buffer.from(text).toString("latin1");

function makeSource(source: string): void {
  try {
    mkdirSync(source, { recursive: true, mode: 0o755 });
  } catch (error) {
    // A part of the path is a file: the runtime says what it thinks of the source.
    if (errnoOf(error) === "ENOTDIR") return;
    throw internal(
      `error while creating mount source path '${source}': mkdir ${source}: ${reasonOf(error)}`,
      error,
    );
  }
}
