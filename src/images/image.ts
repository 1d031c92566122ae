import type { Digest } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import type { Descriptor, Manifest } from "../oci/manifest.ts";
import type { Platform } from "../oci/platform.ts";

/** An image for one platform, as it is used to run a container. */
export interface Image {
  /** What the tags point to: the digest of an index or of a manifest. */
  id: Digest;
  /** The descriptor of `id`. */
  target: Descriptor;
  /** `busybox:latest`: familiar names, sorted. */
  repoTags: string[];
  /** `busybox@sha256:…`. */
  repoDigests: string[];
  /** The manifest of this platform; `id` itself when that is a manifest. */
  manifestDigest: Digest;
  manifest: Manifest;
  config: ImageConfig;
  configDigest: Digest;
  /** diffIds, the lowest first. */
  layers: Digest[];
  platform: Platform;
  /** RFC 3339, as the configuration says it. */
  created: string | undefined;
  /** Bytes of the blobs that are there, for all platforms. */
  contentSize: number;
  /** Bytes of the unpacked files of this platform. */
  unpackedSize: number;
  /** `contentSize` and `unpackedSize` together: what the image takes on the disk. */
  size: number;
  /** When a tag was last set here, in nanoseconds since 1970. */
  lastTagged: bigint | undefined;
}

/** How a container tells that it needs an image. */
export interface ImageUser {
  containerId: string;
  /** `Image.id`. */
  imageId: string;
  running: boolean;
}

export type DeletedItem = { Untagged: string } | { Deleted: string };

/**
 * One line of `docker history`, the newest first. `id` is the image's own for the newest line and `<missing>` below.
 */
export interface HistoryItem {
  id: string;
  /** Seconds since 1970. */
  created: number;
  createdBy: string;
  tags: string[];
  size: number;
  comment: string;
}
