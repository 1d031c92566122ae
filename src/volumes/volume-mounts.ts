import { KeyedQueue } from "../base/async.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { VolumeUserTable } from "../store/volume-users.ts";
import type { VolumeStore } from "./volumes.ts";

const key = (volume: string, container: string) => `${volume} ${container}`;

/**
 * The volumes whose driver has their content there only while a container runs. Rows say what is mounted for whom:
 * written before the driver mounts, taken back after it has unmounted, so that the next daemon can do what this one
 * could not.
 */
export class VolumeMounts {
  readonly #store: VolumeStore;
  readonly #users: VolumeUserTable;
  readonly #log: Logger;
  /** Where volumes are mounted that this daemon has mounted. */
  readonly #places = new Map<string, string>();
  readonly #turns = new KeyedQueue();

  constructor(store: VolumeStore, users: VolumeUserTable, log: Logger) {
    this.#store = store;
    this.#users = users;
    this.#log = log;
  }

  /** Where the volume's content is, for the container, until `release`. Throws what the driver throws. */
  async acquire(name: string, container: string): Promise<string> {
    const volume = this.#store.get(name);
    const driver = await this.#store.driverOf(volume);
    if (!driver.needsMount(volume)) return driver.mount(volume, container, false);
    return this.#turns.run(name, async () => {
      const known = this.#places.get(key(name, container));
      if (known !== undefined) return known;
      const others = this.#users.mountedFor(name).filter((other) => other !== container);
      this.#users.setMounted(name, container, true);
      try {
        const place = await driver.mount(volume, container, others.length === 0);
        this.#places.set(key(name, container), place);
        return place;
      } catch (error) {
        this.#users.setMounted(name, container, false);
        throw error;
      }
    });
  }

  /**
   * Gives up what is mounted for the container. What a driver refuses is told in the log, and stays in its row, for the
   * next start of the daemon.
   */
  async release(container: string): Promise<void> {
    for (const { volume } of this.#users.mounted(container)) {
      try {
        await this.#release(volume, container);
      } catch (error) {
        this.#log.warn("a volume could not be unmounted", { volume, container, error: messageOf(error) });
      }
    }
  }

  #release(name: string, container: string): Promise<void> {
    return this.#turns.run(name, async () => {
      const volume = this.#store.get(name);
      const driver = await this.#store.driverOf(volume);
      const others = this.#users.mountedFor(name).filter((other) => other !== container);
      this.#places.delete(key(name, container));
      await driver.unmount(volume, container, others.length === 0);
      this.#users.setMounted(name, container, false);
    });
  }

  /** Which volume is mounted for which container. */
  all(): { volume: string; container: string }[] {
    return this.#users.mounted();
  }
}
