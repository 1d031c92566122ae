import { conflict, notFound } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import type { Digest } from "../oci/digest.ts";
import { formatPlatform, type Platform, platformDistance } from "../oci/platform.ts";
import type { BlobStore } from "./blobs.ts";
import type { Variant } from "./content.ts";
import type { DeletedItem } from "./image.ts";

/** An image as a whole, with all that is there of it. */
export interface WholeImage {
  id: Digest;
  variants: readonly Variant[];
}

export interface PlatformRemoval {
  image: WholeImage;
  /** All images; `image` may be among them. */
  others: Iterable<WholeImage>;
  platforms: readonly Platform[];
  /** Manifests that containers run on. */
  used: ReadonlySet<Digest>;
  /** As the user wrote it. */
  named: string;
}

/**
 * `docker rmi --platform`: takes single platforms out of an image of several: their manifests go, and the collector takes
 * what only they needed. Returns what went. Throws `notFound` for a platform that is not there, `conflict` for one that
 * a container or another image needs; nothing has changed then.
 */
export function removePlatforms(blobs: BlobStore, removal: PlatformRemoval): DeletedItem[] {
  const digests = removal.platforms.map((platform) => manifestOf(removal, platform));
  for (const digest of digests) blobs.discard(digest);
  return digests.map((digest) => ({ Deleted: digest }));
}

function manifestOf({ image, others, used, named }: PlatformRemoval, wanted: Platform): Digest {
  const variant = image.variants.find(
    ({ config, platform }) => config && platform && platformDistance(wanted, platform) === 0,
  );
  if (!variant) {
    throw notFound(
      `image with reference ${named} was found but does not provide the specified platform (${formatPlatform(wanted)})`,
    );
  }
  const { digest } = variant;
  const refuse = (why: string) =>
    conflict(`conflict: unable to delete ${shortId(digest)} (cannot be forced) - ${why}`);
  if (digest === image.id) throw refuse("the image has no other platform: remove it by its name");
  if (used.has(digest)) throw refuse("image is being used by a container");
  for (const other of others) {
    if (other.id === image.id || !other.variants.some((one) => one.digest === digest)) continue;
    throw refuse(`image is part of ${shortId(other.id)}`);
  }
  return digest;
}
