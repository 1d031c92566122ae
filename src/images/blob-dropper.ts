import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Digest } from "../oci/digest.ts";
import type { BlobStore } from "./blobs.ts";
import type { ImageStore } from "./images.ts";
import type { LayerStore } from "./layers.ts";
import type { Trash } from "./trash.ts";

export interface DroppingStores {
  blobs: BlobStore;
  layers: LayerStore;
  images: ImageStore;
  trash: Trash;
  log: Logger;
}

/** What comes in one go (several pulls, the end of a pull's lease) is looked at once. */
const delayMillis = 500;

/**
 * Gives up the compressed blobs of layers that are unpacked and safe on the disk, when a registry gives them to anybody:
 * the policy of hosts that run images and do not pass them on.
 */
export class BlobDropper implements AsyncDisposable {
  readonly #stores: DroppingStores;
  #keep: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> = Promise.resolve();

  /** `keep`: nothing is given up. */
  constructor(stores: DroppingStores, keep: boolean) {
    this.#stores = stores;
    this.#keep = keep;
  }

  /** Another policy from now on: what was kept by the one before goes, what has gone does not come back by itself. */
  setPolicy(keep: boolean): void {
    this.#keep = keep;
    this.soon();
  }

  /** Something has come, or is of no more use. */
  soon(): void {
    if (this.#keep || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#running
        .then(() => (this.#keep ? undefined : this.#drop()))
        .catch((error: unknown) => {
          this.#stores.log.warn("cannot drop compressed layers", { error: messageOf(error) });
        });
    }, delayMillis);
    this.#timer.unref();
  }

  async #drop(): Promise<void> {
    const { blobs, layers, trash } = this.#stores;
    await layers.sync();
    const leased = new Set(blobs.leased());
    for (const [digest, { diffId, repositories }] of this.#candidates()) {
      const size = blobs.size(digest);
      if (size === undefined || repositories.size === 0 || leased.has(digest)) continue;
      if (layers.isSynced(diffId)) blobs.drop({ digest, size, diffId, repositories: [...repositories] });
    }
    await trash.empty();
  }

  /** The layers of all images, with where each can be had. */
  #candidates(): Map<Digest, { diffId: Digest; repositories: Set<string> }> {
    const { images } = this.#stores;
    const candidates = new Map<Digest, { diffId: Digest; repositories: Set<string> }>();
    for (const { id, variants } of images.everything()) {
      const repositories = images.openRepositoriesOf(id);
      for (const { manifest, config } of variants) {
        config?.rootfs.diff_ids.forEach((diffId, at) => {
          const digest = manifest.layers[at]?.digest;
          // A plain tar is what a commit made.
          if (digest === undefined || digest === diffId) return;
          const candidate = candidates.get(digest) ?? { diffId, repositories: new Set() };
          candidates.set(digest, candidate);
          for (const repository of repositories) candidate.repositories.add(repository);
        });
      }
    }
    return candidates;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#running;
  }
}
