import type { DiskWorkers } from "../archive/disk-workers.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { algorithmOf, type Digest, hexOf } from "../oci/digest.ts";
import { hostPlatform, platformDistance } from "../oci/platform.ts";
import type { BlobStore } from "./blobs.ts";
import type { Variant } from "./content.ts";
import type { ImageStore } from "./images.ts";
import type { LayerStore } from "./layers.ts";

export interface VerifiedStores {
  blobs: BlobStore;
  layers: LayerStore;
  images: ImageStore;
  workers: DiskWorkers;
  /** Gets a warning for everything that was wrong and has been mended, an error for what is left to do. */
  log: Logger;
}

/**
 * Reads everything that the image store holds, and mends what is broken: blobs are hashed again, layers are compared
 * with what their blobs give. The stores have been reconciled; nobody else may use them. `mounted`: layers of running
 * containers, which are not replaced.
 */
export async function verifyImages(stores: VerifiedStores, mounted: ReadonlySet<Digest>): Promise<void> {
  await Promise.all(stores.blobs.list().map(({ digest }) => verifyBlob(stores, digest)));
  await stores.images.reconcile();
  const done = new Set<Digest>();
  for (const { id, names, variants } of stores.images.everything()) {
    const name = names[0] ?? id;
    const images = variants.filter(({ config }) => config !== undefined);
    if (images.length === 0)
      stores.log.error("an image has no configuration: pull it again", { image: name });
    for (const variant of images) await verifyVariant(stores, { name, variant, mounted, done });
  }
  for (const image of stores.images.list()) {
    if (platformDistance(hostPlatform(), image.platform) === undefined) continue;
    await stores.images.ensureUnpacked(image).catch((error: unknown) => {
      stores.log.error("an image cannot be unpacked: pull it again", {
        image: image.repoTags[0] ?? image.id,
        error: messageOf(error),
      });
    });
  }
  await stores.layers.sync();
}

async function verifyBlob({ blobs, workers, log }: VerifiedStores, digest: Digest): Promise<void> {
  const hex = await workers.run("hashFile", { path: blobs.path(digest), algorithm: algorithmOf(digest) });
  if (hex === hexOf(digest)) return;
  log.warn("removing a blob that does not have its digest", { blob: digest });
  blobs.discard(digest);
}

interface VariantCheck {
  name: string;
  variant: Variant;
  mounted: ReadonlySet<Digest>;
  /** Layers that have been looked at. */
  done: Set<Digest>;
}

async function verifyVariant(stores: VerifiedStores, check: VariantCheck): Promise<void> {
  const { blobs, layers, log } = stores;
  const { config, manifest } = check.variant;
  const pairs = (config?.rootfs.diff_ids ?? []).map((diffId, at) => ({ diffId, blob: manifest.layers[at] }));
  const isHere = ({ diffId, blob }: (typeof pairs)[number]) =>
    layers.has(diffId) || (blob !== undefined && blobs.has(blob.digest));
  // Of the other platforms of an index nothing needs to be there.
  if (!pairs.some(isHere)) return;
  for (const pair of pairs) {
    const { diffId, blob } = pair;
    const fields = { image: check.name, layer: diffId };
    if (!isHere(pair)) log.error("a layer is missing: pull the image again", fields);
    else if (blob && !blobs.has(blob.digest)) {
      // A layer whose blob was dropped has nothing that it could be compared with.
      if (blobs.dropped(blob.digest)) continue;
      log.error("a layer cannot be checked, saved or pushed without its blob: pull the image again", fields);
    } else if (blob && layers.has(diffId) && !check.done.has(diffId)) {
      check.done.add(diffId);
      await verifyLayer(stores, { diffId, blob: blob.digest, mounted: check.mounted.has(diffId) });
    }
  }
}

async function verifyLayer(
  { layers, log }: VerifiedStores,
  { diffId, blob, mounted }: { diffId: Digest; blob: Digest; mounted: boolean },
): Promise<void> {
  try {
    const difference = await layers.verify(diffId, blob, !mounted);
    if (difference === undefined) return;
    const fields = { layer: diffId, difference };
    if (mounted) log.error("a layer has changed: stop the containers that use it, and verify again", fields);
    else log.warn("a layer had changed, and has been unpacked again", fields);
  } catch (error) {
    log.error("a layer cannot be checked", { layer: diffId, error: messageOf(error) });
  }
}
