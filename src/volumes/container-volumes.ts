import { existsSync, mkdirSync } from "node:fs";
import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import type { VolumeCreateRequest } from "../api/volumes.ts";
import { internal, invalidArgument, messageOf, notImplemented } from "../base/errors.ts";
import type { RandomBytes } from "../base/ids.ts";
import { unmount } from "../linux/mount.ts";
import { readMounts } from "../linux/mountinfo.ts";
import type { VolumeUserTable } from "../store/volume-users.ts";
import { copyUp } from "./copy-up.ts";
import { mountLocal, needsMount } from "./local-driver.ts";
import type { MountPoint } from "./mount-point.ts";
import { planMounts } from "./plan-mounts.ts";
import type { Volume, VolumeEvents } from "./volume.ts";

interface Parts {
  users: VolumeUserTable;
  events: VolumeEvents;
  random: RandomBytes;
  /** The folder of all volumes. */
  root: string;
}

export interface PlanRequest {
  config: ContainerConfig;
  hostConfig: HostConfig;
  /** Another container, by name or id. Throws `notFound`. */
  volumesFrom: (container: string) => { spec: { mounts: readonly MountPoint[] } };
}

/** A container that uses its mounts now. */
export interface RunningContainer {
  id: string;
  mounts: readonly MountPoint[];
}

/** What containers do with volumes, from their create to their removal. */
export abstract class ContainerVolumes {
  readonly #parts: Parts;
  /** The running containers that use a volume with a device, which is mounted as long as there is one. */
  readonly #active = new Map<string, Set<string>>();
  /** The volumes of running containers. */
  readonly #prepared = new Map<string, readonly MountPoint[]>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  abstract create(request: VolumeCreateRequest, known?: { anonymous?: boolean }): Volume;
  abstract find(name: string): Volume | undefined;
  abstract get(name: string): Volume;
  abstract remove(name: string, options?: { force?: boolean }): Promise<void>;

  /**
   * Decides the mounts of a container that is created, and makes its volumes; they are its own from now on, until
   * `forgetContainer`. When it throws (`invalidArgument`, `notFound`), nothing new is left.
   */
  async plan(id: string, request: PlanRequest): Promise<MountPoint[]> {
    const { config, hostConfig, volumesFrom } = request;
    const mountsOf = (name: string) => volumesFrom(name).spec.mounts;
    const mounts = planMounts({ config, hostConfig, mountsOf, random: this.#parts.random });
    const made: string[] = [];
    try {
      return mounts.map((mount) => (mount.type === "volume" ? this.#claim(id, mount, made) : mount));
    } catch (error) {
      this.#parts.users.removeContainer(id);
      for (const name of made) await this.remove(name);
      throw error;
    }
  }

  #claim(id: string, mount: MountPoint, made: string[]): MountPoint {
    const isNew = this.find(mount.name) === undefined;
    const options = mount.spec?.VolumeOptions;
    const volume = this.create(
      {
        Name: mount.name,
        Driver: mount.driver,
        Labels: options?.Labels,
        DriverOpts: options?.DriverConfig?.Options,
      },
      { anonymous: mount.anonymous },
    );
    if (isNew) made.push(volume.name);
    this.#parts.users.add(volume.name, id);
    // Docker shows the label that the volume's content would get.
    const mode = mount.mode === "" && !(mount.anonymous && !mount.spec) ? "z" : mount.mode;
    return { ...mount, source: volume.mountpoint, driver: volume.driver, mode };
  }

  /**
   * Copies what the image has at the places of the container's volumes into those that are empty; once for each volume
   * and container. `rootfs`: where the root file system is mounted. `prepare` does it when it was not done before.
   */
  async populate(id: string, mounts: readonly MountPoint[], rootfs: string): Promise<void> {
    const pending = new Set(this.#parts.users.unpopulated(id));
    for (const mount of mounts) {
      if (mount.type !== "volume" || !pending.has(mount.name)) continue;
      if (mount.copyData) await copyUp(rootfs, mount.destination, this.get(mount.name).mountpoint);
      this.#parts.users.setPopulated(mount.name, id);
    }
  }

  /**
   * Makes everything ready for the start of a container: volumes mounted and filled, missing sources of `-v` made.
   * Returns the mounts with their sources. `release` undoes it. Throws what cannot be had.
   */
  async prepare(
    id: string,
    mounts: readonly MountPoint[],
    { rootfs }: { rootfs: string },
  ): Promise<MountPoint[]> {
    const ready: MountPoint[] = [];
    for (const mount of mounts) ready.push(await this.#ready(id, mount));
    await this.populate(id, mounts, rootfs);
    const volumes = mounts.filter((mount) => mount.type === "volume");
    for (const mount of volumes) this.#tell("mount", id, mount);
    if (volumes.length > 0) this.#prepared.set(id, volumes);
    return ready;
  }

  async #ready(id: string, mount: MountPoint): Promise<MountPoint> {
    if (mount.type === "image") throw notImplemented("mounts of type image are not supported");
    if (mount.type === "bind") readyBind(mount);
    if (mount.type !== "volume") return mount;
    if (mount.spec?.VolumeOptions?.Subpath) throw notImplemented("a subpath of a volume is not supported");
    const volume = this.get(mount.name);
    if (needsMount(volume.options)) await this.#activate(id, volume);
    else mkdirSync(volume.mountpoint, { recursive: true, mode: 0o755 });
    return { ...mount, source: volume.mountpoint };
  }

  /** The first user mounts it; others that come meanwhile have to wait for that. */
  readonly #mounting = new Map<string, Promise<void>>();

  async #activate(id: string, volume: Volume): Promise<void> {
    const users = this.#active.get(volume.name) ?? new Set();
    this.#active.set(volume.name, users.add(id));
    const under = this.#mounting.get(volume.name);
    if (under) return under;
    if (users.size > 1) return;
    const mounting = mountLocal(volume.options, volume.mountpoint);
    this.#mounting.set(volume.name, mounting);
    try {
      await mounting;
    } catch (error) {
      this.#active.delete(volume.name);
      throw error;
    } finally {
      this.#mounting.delete(volume.name);
    }
  }

  /** After the end of a container: what was mounted for it alone goes. */
  async release(id: string): Promise<void> {
    for (const mount of this.#prepared.get(id) ?? []) this.#tell("unmount", id, mount);
    this.#prepared.delete(id);
    for (const [name, users] of this.#active) {
      if (!users.delete(id) || users.size > 0) continue;
      this.#active.delete(name);
      const volume = this.find(name);
      if (volume) this.unmountVolume(volume);
    }
  }

  /** The container is gone, or was never made. Volumes that it had without a name go too when `removeAnonymous`. */
  async forgetContainer(
    id: string,
    mounts: readonly MountPoint[],
    { removeAnonymous }: { removeAnonymous: boolean },
  ): Promise<void> {
    await this.release(id);
    const names = new Set([...this.#parts.users.volumesOf(id), ...mounts.map((mount) => mount.name)]);
    this.#parts.users.removeContainer(id);
    if (!removeAnonymous) return;
    for (const name of names) {
      const volume = this.find(name);
      if (volume?.anonymous && this.#parts.users.containersOf(name).length === 0) await this.remove(name);
    }
  }

  #tell(action: "mount" | "unmount", container: string, mount: MountPoint): void {
    const detail =
      action === "mount"
        ? { destination: mount.destination, propagation: mount.propagation, "read/write": String(mount.rw) }
        : {};
    this.#parts.events(action, mount.name, { container, driver: mount.driver, ...detail });
  }

  /** After a start of the daemon: `running` use their volumes on; what is mounted for nobody is unmounted. */
  adopt(running: readonly RunningContainer[]): void {
    for (const { id, mounts } of running) {
      this.#prepared.set(
        id,
        mounts.filter((mount) => mount.type === "volume"),
      );
      for (const mount of mounts) {
        const volume = mount.type === "volume" ? this.find(mount.name) : undefined;
        if (!volume || !needsMount(volume.options)) continue;
        this.#active.set(volume.name, (this.#active.get(volume.name) ?? new Set()).add(id));
      }
    }
    const inUse = new Set([...this.#active.keys()].map((name) => this.get(name).mountpoint));
    for (const { target } of readMounts()) {
      if (target.startsWith(`${this.#parts.root}/`) && !inUse.has(target)) unmount(target, { detach: true });
    }
  }

  /** Takes the volume's device away, if it is mounted. */
  protected unmountVolume(volume: Volume): void {
    if (needsMount(volume.options)) unmount(volume.mountpoint, { detach: true });
  }
}

function readyBind({ source, createSource }: MountPoint): void {
  if (existsSync(source)) return;
  if (!createSource) {
    throw invalidArgument(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
  }
  try {
    mkdirSync(source, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw internal(`error while creating mount source path '${source}': ${messageOf(error)}`, error);
  }
}
