import { decompressed } from "../archive/tar-reader.ts";
import { type Clock, rfc3339Nano } from "../base/clock.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageConfig, ImageRunConfig } from "../oci/image-config.ts";
import type { Platform } from "../oci/platform.ts";
import { familiarString, type Reference } from "../oci/reference.ts";
import type { BlobStore } from "./blobs.ts";
import { compose } from "./compose.ts";
import type { ImageEventSink } from "./image-events.ts";
import type { ImageStore } from "./images.ts";
import { layerType } from "./layer-type.ts";
import type { LayerStore } from "./layers.ts";

export interface ImportOptions {
  /** With a tag; none for an image without a name. */
  reference?: Reference | undefined;
  platform?: Platform | undefined;
  /** `docker import --message`. */
  message?: string | undefined;
  /** What the `--change` instructions make. */
  config?: ImageRunConfig | undefined;
  signal?: AbortSignal | undefined;
}

export interface ImportTarget {
  blobs: BlobStore;
  layers: LayerStore;
  images: Pick<ImageStore, "put">;
  host: Platform;
  clock: Clock;
  onEvent: ImageEventSink;
}

/**
 * `docker import`: a tar of a root file system (as it is, or compressed) becomes an image with one layer. The blob is the
 * archive itself, but for bzip2 and xz, which no registry takes. Returns the image's id. Throws `invalidArgument` for
 * what is no archive.
 */
export async function importImage(
  store: ImportTarget,
  chunks: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<Digest> {
  using lease = store.blobs.lease();
  const { durable, ...blob } = await store.blobs.receive(decompressed(chunks, { forBlob: true }), lease);
  const unpacking = store.layers.unpackNew(blob.digest, lease, options.signal);
  // Both are over before anything is told: whoever clears up after a failure finds all that there is.
  await Promise.allSettled([unpacking, durable]);
  await durable;
  const diffId = await unpacking;
  const config = configOf(store, diffId, options);
  const target = compose(store.blobs, {
    config,
    layers: [{ mediaType: layerType(store.blobs, blob.digest, "oci"), ...blob }],
  });
  store.images.put(target, options.reference);
  const name = options.reference ? familiarString(options.reference) : target.digest;
  store.onEvent({ action: "import", id: target.digest, name });
  return target.digest;
}

function configOf(
  store: ImportTarget,
  diffId: Digest,
  { platform, message, config }: ImportOptions,
): ImageConfig {
  const created = rfc3339Nano(store.clock.nowNanos());
  return {
    ...(platform ?? store.host),
    created,
    config: config ?? {},
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ created, comment: message || "Imported from -" }],
  };
}
