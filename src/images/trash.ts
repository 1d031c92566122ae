import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { DiskWorkers } from "../archive/disk-workers.ts";
import { errnoOf } from "../base/errors.ts";
import { cryptoRandom, type RandomBytes } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";

const prefix = "image-";

/**
 * Where files and folders go to be deleted: they are out of sight at once, by a rename, and deleted in a Worker. What a
 * crash leaves there is deleted at the next start.
 */
export class Trash {
  readonly #folder: string;
  readonly #workers: DiskWorkers;
  readonly #random: RandomBytes;
  readonly #removals = new Map<string, Promise<unknown>>();

  constructor(dataRoot: string, workers: DiskWorkers, random: RandomBytes = cryptoRandom) {
    this.#folder = join(dataRoot, "trash");
    this.#workers = workers;
    this.#random = random;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Moves `path` here; nothing there is fine. */
  take(path: string): void {
    const target = join(this.#folder, prefix + Buffer.from(this.#random(12)).toString("hex"));
    try {
      renameSync(path, target);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }

  /** Deletes what has been moved here. */
  async empty(): Promise<void> {
    const names = readdirSync(this.#folder).filter((name) => name.startsWith(prefix));
    await Promise.all(names.map((name) => this.#remove(name)));
  }

  /** Deletes it while others go on. */
  emptyBehind(log: Logger): void {
    this.empty().catch((error: unknown) => log.warn("cannot empty the trash", { error }));
  }

  /** Those who empty it at the same time wait for the same removal: two of one tree would trip over each other. */
  #remove(name: string): Promise<unknown> {
    const known = this.#removals.get(name);
    if (known) return known;
    const removal = this.#workers
      .run("removeTree", { path: join(this.#folder, name) })
      .finally(() => this.#removals.delete(name));
    this.#removals.set(name, removal);
    return removal;
  }
}
