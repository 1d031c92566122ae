import { type ArchiveCompression, detectCompression, magicLength } from "../archive/compression.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { type Compression, layerCompression, mediaTypes } from "../oci/media-types.ts";
import type { BlobStore } from "./blobs.ts";

const types = {
  oci: { none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd },
  docker: {
    none: mediaTypes.dockerLayer,
    gzip: mediaTypes.dockerLayerGzip,
    zstd: mediaTypes.dockerLayerZstd,
  },
} as const;

/** The media type of a layer that is compressed so. */
export function layerTypeOf(compression: Compression, family: keyof typeof types): string {
  return types[family][compression];
}

/** The layer with Docker's media type for what it has; one that is not to be distributed keeps its own. */
export function asDockerLayer(layer: Descriptor): Descriptor {
  const compression = layerCompression(layer.mediaType);
  const isForeign = /foreign|nondistributable/.test(layer.mediaType);
  if (compression === undefined || isForeign) return layer;
  return { ...layer, mediaType: layerTypeOf(compression, "docker") };
}

/** What a blob is compressed with, by its first bytes. Throws `notFound`. */
export function compressionOf(blobs: BlobStore, digest: Digest): ArchiveCompression {
  return detectCompression(blobs.start(digest, magicLength));
}

/** The media type of a layer about which nobody said anything, in the types of one family. Throws `notFound`. */
export function layerType(blobs: BlobStore, digest: Digest, family: keyof typeof types): string {
  const kind = compressionOf(blobs, digest);
  return types[family][kind === "gzip" || kind === "zstd" ? kind : "none"];
}
