import { type ArchiveCompression, detectCompression, magicLength } from "../archive/compression.ts";
import type { Digest } from "../oci/digest.ts";
import { mediaTypes } from "../oci/media-types.ts";
import type { BlobStore } from "./blobs.ts";

const types = {
  oci: { none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd },
  docker: {
    none: mediaTypes.dockerLayer,
    gzip: mediaTypes.dockerLayerGzip,
    zstd: mediaTypes.dockerLayerZstd,
  },
} as const;

/** What a blob is compressed with, by its first bytes. Throws `notFound`. */
export function compressionOf(blobs: BlobStore, digest: Digest): ArchiveCompression {
  return detectCompression(blobs.start(digest, magicLength));
}

/** The media type of a layer about which nobody said anything, in the types of one family. Throws `notFound`. */
export function layerType(blobs: BlobStore, digest: Digest, family: keyof typeof types): string {
  const kind = compressionOf(blobs, digest);
  return types[family][kind === "gzip" || kind === "zstd" ? kind : "none"];
}
