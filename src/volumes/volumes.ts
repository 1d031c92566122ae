import { join } from "node:path";
import type { VolumeCreateRequest } from "../api/volumes.ts";
import { KeyedQueue } from "../base/async.ts";
import { parseBoolean } from "../base/booleans.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import {
  conflict,
  EngineError,
  invalidArgument,
  isEngineError,
  messageOf,
  notFound,
} from "../base/errors.ts";
import { type Filters, matchesPattern } from "../base/filters.ts";
import { cryptoRandom, newId, type RandomBytes } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import type { Database } from "../store/database.ts";
import { VolumeUserTable } from "../store/volume-users.ts";
import { VolumeTable } from "../store/volumes.ts";
import { diskSize } from "./disk-size.ts";
import type { VolumeDriver, VolumeDrivers, VolumeFacts } from "./driver.ts";
import { LocalDriver } from "./local-driver.ts";
import { anonymousLabel, checkVolumeName, fromRow, type Volume, type VolumeEvents } from "./volume.ts";

export interface VolumeStoreOptions {
  database: Database;
  /** The daemon's data root: the volumes are in its folder `volumes`, what is deleted goes through `trash`. */
  dataRoot: string;
  clock?: Clock;
  random?: RandomBytes;
  events?: VolumeEvents;
  /** The drivers besides `local`. */
  plugins?: VolumeDrivers;
  log?: Logger;
}

const noPlugins: VolumeDrivers = {
  get: async (name) => {
    throw notFound(`plugin ${JSON.stringify(name)} not found`);
  },
};

export interface PruneResult {
  deleted: string[];
  /** Bytes. */
  reclaimed: number;
}

/**
 * The volumes. A volume's row is its claim on what its driver keeps (a folder `volumes/<name>`): written before that is
 * made, deleted after it is gone. Which container has which volume is in rows too.
 */
export class VolumeStore {
  readonly #table: VolumeTable;
  readonly #users: VolumeUserTable;
  readonly #local: LocalDriver;
  readonly #plugins: VolumeDrivers;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #events: VolumeEvents;
  readonly #log: Logger | undefined;
  /** One change of a volume at a time. */
  readonly #turns = new KeyedQueue();

  constructor(options: VolumeStoreOptions) {
    const { database, dataRoot } = options;
    this.#table = new VolumeTable(database);
    this.#users = new VolumeUserTable(database);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? cryptoRandom;
    this.#events = options.events ?? (() => {});
    this.#plugins = options.plugins ?? noPlugins;
    this.#log = options.log;
    this.#local = new LocalDriver({
      root: join(dataRoot, "volumes"),
      trash: join(dataRoot, "trash"),
      random: this.#random,
    });
  }

  /**
   * Makes a volume, or returns the one that has the name. Without a name it is an anonymous one; without a driver,
   * `local`. Throws `invalidArgument`, `conflict` (another driver's) or `notFound` (the driver) with Docker's words.
   */
  create(request: VolumeCreateRequest, known: { anonymous?: boolean } = {}): Promise<Volume> {
    const anonymous = known.anonymous ?? !request.Name;
    const name = request.Name || newId(this.#random);
    return this.#turns.run(name, async () => {
      const existing = this.find(name);
      const driver = await this.#driverToCreate(name, request.Driver || existing?.driver || "local");
      const options = request.DriverOpts ?? {};
      // What is there is what was asked for, whatever its options are.
      if (!existing) driver.check(name, options);
      if (existing && existing.driver !== driver.name) {
        throw conflict(
          `create ${name}: driver '${existing.driver}' already has volume '${name}': volume name must be unique`,
        );
      }
      if (existing) return existing;
      return await this.#make(driver, { name, anonymous, options, labels: request.Labels ?? {} });
    });
  }

  async #driverToCreate(name: string, driver: string): Promise<VolumeDriver> {
    try {
      const found = await this.#driver(driver);
      if (driver === "local") checkVolumeName(name);
      return found;
    } catch (error) {
      if (driver === "local" || !(error instanceof EngineError)) throw error;
      throw new EngineError(error.code, `create ${name}: ${error.message}`, { cause: error });
    }
  }

  async #make(
    driver: VolumeDriver,
    wanted: {
      name: string;
      anonymous: boolean;
      options: Record<string, string>;
      labels: Record<string, string>;
    },
  ): Promise<Volume> {
    const { name, anonymous, options, labels } = wanted;
    this.#table.insert({
      name,
      driver: driver.name,
      labels: JSON.stringify({ ...labels, ...(anonymous && { [anonymousLabel]: "" }) }),
      options: JSON.stringify(options),
      created: new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
      anonymous: anonymous ? 1 : 0,
      scope: driver.scope,
    });
    try {
      await driver.create(name, options);
    } catch (error) {
      this.#table.delete(name);
      if (!(error instanceof EngineError)) throw error;
      throw new EngineError(error.code, `create ${name}: ${error.message}`, { cause: error });
    }
    this.#events("create", name, { driver: driver.name });
    return this.get(name);
  }

  /** The driver that keeps the volume. Throws `notFound` when it is a plugin that is gone. */
  driverOf(volume: Volume): Promise<VolumeDriver> {
    return this.#driver(volume.driver);
  }

  async #driver(name: string): Promise<VolumeDriver> {
    if (name === this.#local.name) return this.#local;
    try {
      return await this.#plugins.get(name);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const message = `error looking up volume plugin ${name}: ${error.message}`;
      throw new EngineError(error.code, message, { cause: error });
    }
  }

  find(name: string): Volume | undefined {
    const row = this.#table.get(name);
    return row && fromRow(row);
  }

  /** Throws `notFound`. */
  get(name: string): Volume {
    const volume = this.find(name);
    if (!volume) throw notFound(`get ${name}: no such volume`);
    return volume;
  }

  all(): Volume[] {
    return this.#table.all().map(fromRow);
  }

  /** What the volume's driver says of it now. Throws what a plugin throws. */
  async facts(volume: Volume): Promise<VolumeFacts> {
    return (await this.driverOf(volume)).inspect(volume);
  }

  /** As `facts`; of a driver that does not answer, nothing is known, and why is in `warning`. */
  async factsIfKnown(volume: Volume): Promise<VolumeFacts & { warning?: string }> {
    try {
      return await this.facts(volume);
    } catch (error) {
      return { mountpoint: "", warning: messageOf(error) };
    }
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
   * When this returns the volume is gone for everyone; its content may take longer. With `force`, a volume whose plugin
   * is gone is forgotten.
   */
  async remove(name: string, { force = false }: { force?: boolean } = {}): Promise<void> {
    const finish = await this.#turns.run(name, async () => {
      const volume = this.find(name);
      if (!volume) {
        if (force) return undefined;
        throw notFound(`get ${name}: no such volume`);
      }
      const containers = this.containersOf(name);
      if (containers.length > 0) {
        throw conflict(`remove ${name}: volume is in use - [${containers.join(", ")}]`);
      }
      const rest = await this.#takeAway(volume, force);
      this.#table.delete(name);
      this.#events("destroy", name, { driver: volume.driver });
      return rest;
    });
    await finish?.();
  }

  async #takeAway(volume: Volume, force: boolean): Promise<(() => Promise<void>) | undefined> {
    try {
      return await (await this.driverOf(volume)).remove(volume);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (force && isEngineError(error, "notFound")) {
        this.#log?.warn("a volume is forgotten whose driver is gone", { volume: volume.name });
        return undefined;
      }
      throw new EngineError(error.code, `remove ${volume.name}: ${error.message}`, { cause: error });
    }
  }

  /**
   * Deletes the volumes that no container has: the anonymous ones, with the filter `all=true` those with names too.
   * Only those of the driver `local`. Filters: `all`, `label`, `label!`. Throws `invalidArgument`.
   */
  async prune(filters: Filters): Promise<PruneResult> {
    const all = isAskedForAll(filters);
    const result: PruneResult = { deleted: [], reclaimed: 0 };
    for (const volume of this.all()) {
      if (this.containersOf(volume.name).length > 0 || !(all || volume.anonymous)) continue;
      if (volume.driver !== this.#local.name || !filters.labels(volume.labels)) continue;
      // What was made with options stands for something elsewhere.
      if (Object.keys(volume.options).length > 0) continue;
      if (filters.has("label!") && filters.labels(volume.labels, "label!")) continue;
      const size = await this.#size(volume);
      try {
        await this.remove(volume.name);
      } catch (error) {
        // A container has taken it, or somebody has removed it, while its files were counted.
        if (isEngineError(error, "conflict") || isEngineError(error, "notFound")) continue;
        throw error;
      }
      result.deleted.push(volume.name);
      result.reclaimed += Math.max(size, 0);
    }
    this.#events("prune", "", { reclaimed: String(result.reclaimed) });
    return result;
  }

  /**
   * Each volume with its size in bytes (-1: not known, as it is not on a disk of ours) and the number of containers
   * that have it (`GET /system/df`).
   */
  async usage(): Promise<{ volume: Volume; facts: VolumeFacts; size: number; refCount: number }[]> {
    const result = [];
    for (const volume of this.all()) {
      const refCount = this.containersOf(volume.name).length;
      const facts = await this.factsIfKnown(volume);
      result.push({ volume, facts, size: await this.#size(volume), refCount });
    }
    return result;
  }

  async #size(volume: Volume): Promise<number> {
    if (volume.driver !== this.#local.name || this.#local.isRemote(volume)) return -1;
    const { mountpoint } = await this.#local.inspect(volume);
    return await diskSize(mountpoint);
  }

  /** After a crash: folders that rows tell of are there, and rows of volumes that never were made are gone. */
  async reconcile(): Promise<void> {
    for (const volume of this.all()) {
      if (volume.driver !== this.#local.name || this.#local.has(volume)) continue;
      if (this.containersOf(volume.name).length === 0) this.#table.delete(volume.name);
      else await this.#local.create(volume.name);
    }
  }

  /** Takes away what is mounted on volumes of the driver `local`, but for those named. */
  unmountOthers(mounted: ReadonlySet<string>): void {
    this.#local.unmountOthers(mounted);
  }
}

/** The filter `all`, in the words that Docker has for what is no truth value. Throws `invalidArgument`. */
function isAskedForAll(filters: Filters): boolean {
  const values = filters.get("all");
  if (values.length > 1) {
    throw invalidArgument(
      `invalid filter 'all=[${values.toSorted().join(" ")}]': only one value is expected`,
    );
  }
  const [value] = values;
  if (value === undefined) return false;
  try {
    return parseBoolean(value);
  } catch (error) {
    throw invalidArgument(`invalid filter 'all': ${messageOf(error)}`, error);
  }
}
