import { rmSync } from "node:fs";
import type { DiskWorkers } from "../archive/disk-workers.ts";
import { type Clock, rfc3339Nano } from "../base/clock.ts";
import type { Digest } from "../oci/digest.ts";
import type { HistoryEntry, ImageRunConfig } from "../oci/image-config.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { mediaTypes } from "../oci/media-types.ts";
import type { Reference } from "../oci/reference.ts";
import type { BlobStore, Lease } from "./blobs.ts";
import { compose } from "./compose.ts";
import type { Image } from "./image.ts";
import type { ImageStore } from "./images.ts";
import type { LayerStore } from "./layers.ts";

export interface CommitTarget {
  blobs: BlobStore;
  layers: LayerStore;
  images: Pick<ImageStore, "put">;
  workers: DiskWorkers;
  clock: Clock;
}

export interface CommitOptions {
  /** What the new image is based on. */
  base: Image;
  /** The upper directory of a container's overlay: what it has changed. */
  upper: string;
  /** The whole configuration for containers of the new image. */
  config: ImageRunConfig;
  reference?: Reference | undefined;
  author?: string | undefined;
  comment?: string | undefined;
  /** The command that made the changes, for the history. */
  createdBy?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * A layer that was made here: its blob is the plain tar, so that its digest is the diffId. `bytes` are those of its
 * regular files. What is newer than `newest` (seconds since 1970) gets that time.
 */
export async function packLayer(
  { blobs, workers }: Pick<CommitTarget, "blobs" | "workers">,
  upper: string,
  lease: Lease,
  signal?: AbortSignal,
  newest?: number,
): Promise<{ layer: Descriptor; diffId: Digest; bytes: number }> {
  const output = blobs.temporaryPath();
  try {
    const ask = { directory: upper, kind: "upper", output, ...(newest !== undefined && { newest }) } as const;
    const { digest, size, bytes } = await workers.run("pack", ask, { signal });
    lease.add(digest);
    blobs.adopt(output, { digest, size });
    return { layer: { mediaType: mediaTypes.ociLayer, digest, size }, diffId: digest, bytes };
  } catch (error) {
    rmSync(output, { force: true });
    throw error;
  }
}

/** The history of the base, with a step for each of its layers, so that the new step is that of the new layer. */
export function wholeHistory({ config, layers }: Pick<Image, "config" | "layers">): HistoryEntry[] {
  const history = config.history ?? [];
  const untold = layers.length - history.filter((step) => !step.empty_layer).length;
  const step: HistoryEntry = config.created === undefined ? {} : { created: config.created };
  return [...history, ...Array.from({ length: Math.max(0, untold) }, () => step)];
}

/**
 * `docker commit`: the container's changes become a layer on top of its image. The container must not run, or be
 * paused. Returns the new image's id.
 */
export async function commitImage(store: CommitTarget, options: CommitOptions): Promise<Digest> {
  const { base, signal } = options;
  using lease = store.blobs.lease();
  // The image of the container may lose its name meanwhile.
  lease.add(base.id, base.manifestDigest);
  const { layer, diffId } = await packLayer(store, options.upper, lease, signal);
  const blob = layer.digest;
  await store.layers.unpack({ diffId, blob, ...(signal && { signal }) });
  const created = rfc3339Nano(store.clock.nowNanos());
  const { comment, author, createdBy } = options;
  const target = compose(store.blobs, {
    layers: [...base.manifest.layers, layer],
    config: {
      ...base.config,
      created,
      ...(author && { author }),
      config: options.config,
      rootfs: { type: "layers", diff_ids: [...base.layers, diffId] },
      history: [
        ...wholeHistory(base),
        {
          created,
          ...(createdBy && { created_by: createdBy }),
          ...(author && { author }),
          ...(comment && { comment }),
        },
      ],
    },
  });
  store.images.put(target, options.reference);
  return target.digest;
}
