import { notFound } from "../base/errors.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import { maxImageConfigSize, parseImageConfig } from "../oci/image-config.ts";
import {
  type Descriptor,
  type Index,
  isIndex,
  type Manifest,
  maxManifestSize,
  parseManifestOrIndex,
} from "../oci/manifest.ts";
import { isForeignLayerType, isImageConfigType, isIndexType, isManifestType } from "../oci/media-types.ts";
import { formatPlatform, type Platform, selectPlatform } from "../oci/platform.ts";

/** One manifest or index that is to be put, after all that it refers to. */
export interface PushedDocument {
  bytes: Uint8Array;
  mediaType: string;
  digest: Digest;
}

export interface PushedLayer {
  blob: Descriptor;
  /** What people know the layer by: its diffId where there is one, else the blob's digest. */
  name: Digest;
}

/** What a push sends, in this order: layers and configurations, then documents; the last of them gets the tag. */
export interface PushPlan {
  layers: PushedLayer[];
  configs: Descriptor[];
  documents: PushedDocument[];
  /** Set when only one platform of an index is here, and its manifest goes instead. */
  insteadOf: { index: Descriptor; manifest: Descriptor } | undefined;
}

/**
 * Works out what has to be sent for `target`. Of an index all platforms are sent when they all are here; else the one
 * that fits `platform`. Throws `notFound` when that is not here.
 */
export function planPush(
  blobs: BlobStore,
  target: Descriptor,
  platform: Platform,
  onlyPlatform: boolean,
): PushPlan {
  const plan: PushPlan = { layers: [], configs: [], documents: [], insteadOf: undefined };
  const document = read(blobs, target);
  if (
    isIndex(document.parsed) &&
    (onlyPlatform || !document.parsed.manifests.every((child) => isComplete(blobs, child)))
  ) {
    const usable = document.parsed.manifests.filter(
      (child) => isManifestType(child.mediaType) && isComplete(blobs, child),
    );
    const manifest = selectPlatform(usable, platform);
    if (manifest === undefined) {
      throw notFound(
        `image with reference ${target.digest} was found but does not provide the specified platform (${formatPlatform(platform)})`,
      );
    }
    add(plan, blobs, manifest);
    plan.insteadOf = { index: target, manifest };
  } else {
    add(plan, blobs, target);
  }
  plan.layers = uniqueBy(plan.layers, ({ blob }) => blob.digest);
  plan.configs = uniqueBy(plan.configs, ({ digest }) => digest);
  return plan;
}

function read(blobs: BlobStore, target: Descriptor): { parsed: Manifest | Index; bytes: Uint8Array } {
  const bytes = blobs.read(target.digest, maxManifestSize);
  return { bytes, parsed: parseManifestOrIndex(bytes, target.mediaType) };
}

/** Whether everything below `descriptor` is here. */
function isComplete(blobs: BlobStore, descriptor: Descriptor): boolean {
  if (!blobs.has(descriptor.digest)) return false;
  if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) return true;
  const { parsed } = read(blobs, descriptor);
  if (isIndex(parsed)) return parsed.manifests.every((child) => isComplete(blobs, child));
  const layers = parsed.layers.filter(({ mediaType }) => !isForeignLayerType(mediaType));
  return [parsed.config, ...layers].every(
    ({ digest }) => blobs.has(digest) || blobs.dropped(digest) !== undefined,
  );
}

function add(plan: PushPlan, blobs: BlobStore, descriptor: Descriptor): void {
  const { parsed, bytes } = read(blobs, descriptor);
  if (isIndex(parsed)) {
    for (const child of parsed.manifests) add(plan, blobs, child);
  } else {
    const diffIds = diffIdsOf(blobs, parsed.config);
    plan.configs.push(parsed.config);
    parsed.layers.forEach((blob, at) => {
      if (!isForeignLayerType(blob.mediaType)) plan.layers.push({ blob, name: diffIds[at] ?? blob.digest });
    });
  }
  plan.documents.push({ bytes, mediaType: parsed.mediaType, digest: descriptor.digest });
}

function diffIdsOf(blobs: BlobStore, config: Descriptor): Digest[] {
  if (!isImageConfigType(config.mediaType)) return [];
  return parseImageConfig(blobs.read(config.digest, maxImageConfigSize)).rootfs.diff_ids;
}

function uniqueBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
