import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../base/clock.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { Blobs } from "./blobs.ts";
import { RegistryError } from "./errors.ts";
import { makeDirectory, orMissing, removeFile } from "./files.ts";
import { Layout } from "./layout.ts";
import { Manifests } from "./manifests.ts";
import { Referrers } from "./referrers.ts";
import { listRepositories, namesWithUploads } from "./repositories.ts";
import { Tags } from "./tags.ts";
import { Uploads, uploadLifetimeMillis } from "./uploads.ts";

/**
 * All that a registry keeps, in a folder. Every change is atomic and durable when it returns, so that a second
 * process may add to the folder (`docker-registry seed`) while the server runs on it.
 */
export class RegistryStore {
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly manifests: Manifests;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly #layout: Layout;
  readonly #clock: Clock;

  private constructor(layout: Layout, clock: Clock) {
    this.#layout = layout;
    this.#clock = clock;
    this.blobs = new Blobs(layout);
    this.uploads = new Uploads(layout, this.blobs, clock);
    this.tags = new Tags(layout);
    this.referrers = new Referrers(layout);
    this.manifests = new Manifests(layout, this);
  }

  /** Opens the folder `root`, which is made when it is not there. */
  static async open(root: string, clock: Clock = systemClock): Promise<RegistryStore> {
    const layout = new Layout(root);
    await makeDirectory(layout.scratch);
    await makeDirectory(layout.repositories);
    return new RegistryStore(layout, clock);
  }

  /** The names of all repositories, sorted. */
  repositories(): Promise<string[]> {
    return listRepositories(this.#layout);
  }

  /** Throws NAME_UNKNOWN when nothing was ever pushed as `name`. */
  async requireRepository(name: string): Promise<void> {
    const found = await orMissing(stat(this.#layout.manifests(name)), undefined);
    if (!found) throw new RegistryError("NAME_UNKNOWN", { details: [{ name }] });
  }

  /** Stores bytes at hand as a blob of the repository. Throws DIGEST_INVALID. */
  async putBlob(name: string, digest: Digest, bytes: Uint8Array): Promise<void> {
    const id = await this.uploads.start(name, algorithmOf(digest));
    await this.uploads.append(name, id, single(bytes));
    await this.uploads.finish(name, id, digest);
  }

  /** Removes what was begun and given up: uploads, and files that a crash left half written. Returns how many. */
  async removeAbandoned(): Promise<number> {
    let removed = await this.uploads.removeAbandoned(namesWithUploads(this.#layout));
    const before = this.#clock.now() - uploadLifetimeMillis;
    for (const file of await readdir(this.#layout.scratch)) {
      const path = join(this.#layout.scratch, file);
      const found = await orMissing(stat(path), undefined);
      if (found && found.mtimeMs <= before && (await removeFile(path))) removed++;
    }
    return removed;
  }
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
