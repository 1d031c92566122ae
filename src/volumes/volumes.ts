import { existsSync, mkdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { VolumeCreateRequest } from "../api/volumes.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { conflict, errnoOf, notFound } from "../base/errors.ts";
import { type Filters, matchesPattern } from "../base/filters.ts";
import { cryptoRandom, newId, type RandomBytes } from "../base/ids.ts";
import type { Database } from "../store/database.ts";
import { VolumeUserTable } from "../store/volume-users.ts";
import { VolumeTable } from "../store/volumes.ts";
import { ContainerVolumes } from "./container-volumes.ts";
import { diskSize } from "./disk-size.ts";
import { checkLocalOptions } from "./local-driver.ts";
import { anonymousLabel, checkVolumeName, fromRow, type Volume, type VolumeEvents } from "./volume.ts";

export interface VolumeStoreOptions {
  database: Database;
  /** The daemon's data root: the volumes are in its folder `volumes`, what is deleted goes through `trash`. */
  dataRoot: string;
  clock?: Clock;
  random?: RandomBytes;
  events?: VolumeEvents;
}

export interface PruneResult {
  deleted: string[];
  /** Bytes. */
  reclaimed: number;
}

/**
 * The volumes of the driver `local`. A volume's row is its claim on the folder `volumes/<name>`: written before it is
 * made, deleted after it is gone. Which container has which volume is in rows too.
 */
export class VolumeStore extends ContainerVolumes {
  readonly #table: VolumeTable;
  readonly #users: VolumeUserTable;
  readonly #root: string;
  readonly #trash: string;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #events: VolumeEvents;

  constructor(options: VolumeStoreOptions) {
    const users = new VolumeUserTable(options.database);
    const events = options.events ?? (() => {});
    const random = options.random ?? cryptoRandom;
    const root = join(options.dataRoot, "volumes");
    super({ users, events, random, root });
    this.#table = new VolumeTable(options.database);
    this.#users = users;
    this.#root = root;
    this.#trash = join(options.dataRoot, "trash");
    this.#clock = options.clock ?? systemClock;
    this.#random = random;
    this.#events = events;
    mkdirSync(this.#root, { recursive: true, mode: 0o701 });
  }

  /**
   * Makes a volume, or returns the one that has the name. Without a name it is an anonymous one.
   * Throws `invalidArgument` or `notFound` (the driver) with Docker's words.
   */
  create(request: VolumeCreateRequest, known: { anonymous?: boolean } = {}): Volume {
    const anonymous = known.anonymous ?? !request.Name;
    const name = request.Name || newId(this.#random);
    const driver = request.Driver || "local";
    if (driver !== "local") {
      throw notFound(
        `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
      );
    }
    checkVolumeName(name);
    const options = request.DriverOpts ?? {};
    checkLocalOptions(name, options);
    const existing = this.find(name);
    if (existing) return existing;
    const labels = { ...request.Labels, ...(anonymous && { [anonymousLabel]: "" }) };
    this.#table.insert({
      name,
      driver,
      labels: JSON.stringify(labels),
      options: JSON.stringify(options),
      created: new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
      anonymous: anonymous ? 1 : 0,
    });
    const volume = this.get(name);
    mkdirSync(volume.mountpoint, { recursive: true, mode: 0o755 });
    this.#events("create", name, { driver });
    return volume;
  }

  find(name: string): Volume | undefined {
    const row = this.#table.get(name);
    return row && fromRow(row, this.#root);
  }

  /** Throws `notFound`. */
  get(name: string): Volume {
    const volume = this.find(name);
    if (!volume) throw notFound(`get ${name}: no such volume`);
    return volume;
  }

  all(): Volume[] {
    return this.#table.all().map((row) => fromRow(row, this.#root));
  }

  /** Those that `filters` (`dangling`, `driver`, `label`, `name`) let through. Throws `invalidArgument`. */
  list(filters: Filters): Volume[] {
    const dangling = filters.boolean("dangling");
    return this.all().filter(
      (volume) =>
        (dangling === undefined || dangling === (this.containersOf(volume.name).length === 0)) &&
        filters.exact("driver", volume.driver) &&
        filters.labels(volume.labels) &&
        filters.any("name", (wanted) => matchesPattern(wanted, volume.name)),
    );
  }

  /** The containers that have the volume, running or not. */
  containersOf(name: string): string[] {
    return this.#users.containersOf(name);
  }

  /**
   * Deletes a volume and its content. Throws `notFound` (unless `force`), and `conflict` while a container has it.
   * When this returns the volume is gone for everyone; its content may take longer.
   */
  async remove(name: string, { force = false }: { force?: boolean } = {}): Promise<void> {
    const volume = this.find(name);
    if (!volume) {
      if (force) return;
      throw notFound(`get ${name}: no such volume`);
    }
    const containers = this.containersOf(name);
    if (containers.length > 0) {
      throw conflict(`remove ${name}: volume is in use - [${containers.join(", ")}]`);
    }
    this.unmountVolume(volume);
    const trash = this.#moveToTrash(volume);
    this.#table.delete(name);
    this.#events("destroy", name, { driver: volume.driver });
    if (trash !== undefined) await rm(trash, { recursive: true, force: true });
  }

  /** The folder's place in the trash, or undefined when there was none. */
  #moveToTrash(volume: Volume): string | undefined {
    mkdirSync(this.#trash, { recursive: true, mode: 0o700 });
    const target = join(this.#trash, `volume-${Buffer.from(this.#random(12)).toString("hex")}`);
    try {
      renameSync(join(this.#root, volume.name), target);
      return target;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /**
   * Deletes the volumes that no container has: the anonymous ones, with the filter `all=true` those with names too.
   * Filters: `all`, `label`, `label!`. Throws `invalidArgument`.
   */
  async prune(filters: Filters): Promise<PruneResult> {
    const all = filters.boolean("all") ?? false;
    const result: PruneResult = { deleted: [], reclaimed: 0 };
    for (const volume of this.all()) {
      if (this.containersOf(volume.name).length > 0 || !(all || volume.anonymous)) continue;
      if (!filters.labels(volume.labels)) continue;
      if (filters.has("label!") && filters.labels(volume.labels, "label!")) continue;
      const size = await diskSize(volume.mountpoint);
      // A container may have taken it while its files were counted.
      if (this.containersOf(volume.name).length > 0 || !this.find(volume.name)) continue;
      await this.remove(volume.name);
      result.deleted.push(volume.name);
      result.reclaimed += size;
    }
    this.#events("prune", "", { reclaimed: String(result.reclaimed) });
    return result;
  }

  /** Each volume with its size in bytes and the number of containers that have it (`GET /system/df`). */
  async usage(): Promise<{ volume: Volume; size: number; refCount: number }[]> {
    const result = [];
    for (const volume of this.all()) {
      const refCount = this.containersOf(volume.name).length;
      result.push({ volume, size: await diskSize(volume.mountpoint), refCount });
    }
    return result;
  }

  /**
   * Mends rows, disk and mounts after a crash. `containers`: all that exist; `running`: those that run, with their
   * mounts. A row without a folder is of a volume that was being made or deleted.
   */
  async reconcile(
    containers: ReadonlySet<string>,
    running: Parameters<ContainerVolumes["adopt"]>[0],
  ): Promise<void> {
    for (const container of this.#users.containers()) {
      if (!containers.has(container)) await this.forgetContainer(container, [], { removeAnonymous: true });
    }
    for (const { name, mountpoint } of this.all()) {
      if (existsSync(mountpoint)) continue;
      if (this.containersOf(name).length === 0) this.#table.delete(name);
      else mkdirSync(mountpoint, { recursive: true, mode: 0o755 });
    }
    this.adopt(running);
  }
}
