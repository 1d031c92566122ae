import { gzipSync } from "node:zlib";
import type { Digest } from "../src/oci/digest.ts";
import { sha256Of } from "../src/oci/digester.ts";
import type { ImageConfig, ImageRunConfig } from "../src/oci/image-config.ts";
import type { Descriptor, Index, Manifest } from "../src/oci/manifest.ts";
import { mediaTypes } from "../src/oci/media-types.ts";
import type { Platform } from "../src/oci/platform.ts";
import { type LayerFile, layerTar } from "./layer.ts";

/** The time of everything in these images: a fixed one, so that their digests depend on their content alone. */
const created = "2026-01-01T00:00:00Z";

/** One platform's part of an image: a single layer. */
export interface ImageSource {
  platform: Platform;
  files: readonly LayerFile[];
  config: ImageRunConfig;
  /** What `docker history` shows for the layer. */
  createdBy: string;
  /** Of gzip: 0 stores, and is the same bytes with every version of zlib. */
  compressionLevel: number;
}

export interface Content {
  digest: Digest;
  bytes: Uint8Array;
}

export interface ManifestContent extends Content {
  mediaType: string;
}

/** An image ready to be stored, its parts in the order in which a registry takes them. */
export interface BuiltImage {
  /** `library/busybox` */
  repository: string;
  tags: readonly string[];
  blobs: readonly Content[];
  manifests: readonly ManifestContent[];
  index: ManifestContent;
}

/** Makes an OCI index with one image for each of `sources` (OCI image-spec 1.1). */
export function buildImage(
  repository: string,
  tags: readonly string[],
  sources: readonly ImageSource[],
): BuiltImage {
  const parts = sources.map(buildPlatform);
  const index: Index = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: parts.map(({ manifest, platform }): Descriptor => ({ ...describe(manifest), platform })),
  };
  return {
    repository,
    tags,
    blobs: parts.flatMap(({ blobs }) => blobs),
    manifests: parts.map(({ manifest }) => manifest),
    index: json(index.mediaType, index),
  };
}

function buildPlatform({ platform, files, config, createdBy, compressionLevel }: ImageSource) {
  const tar = layerTar(files, BigInt(Date.parse(created)) * 1_000_000n);
  const layer = { mediaType: mediaTypes.ociLayerGzip, ...content(gzip(tar, compressionLevel)) };
  const imageConfig: ImageConfig = {
    created,
    ...platform,
    config,
    rootfs: { type: "layers", diff_ids: [sha256Of(tar)] },
    history: [
      { created, created_by: createdBy },
      { created, created_by: `CMD ${JSON.stringify(config.Cmd ?? [])}`, empty_layer: true },
    ],
  };
  const configBlob = json(mediaTypes.ociConfig, imageConfig);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: describe(configBlob),
    layers: [describe(layer)],
  };
  return { platform, blobs: [layer, configBlob], manifest: json(manifest.mediaType, manifest) };
}

function gzip(bytes: Uint8Array, level: number): Buffer {
  const packed = gzipSync(bytes, { level });
  // RFC 1952: XFL and OS tell who packed it, and differ between machines; 0 and 255 mean unknown.
  packed[8] = 0;
  packed[9] = 255;
  return packed;
}

function content(bytes: Uint8Array): Content {
  return { digest: sha256Of(bytes), bytes };
}

function json(mediaType: string, document: unknown): ManifestContent {
  return { mediaType, ...content(Buffer.from(JSON.stringify(document))) };
}

function describe({ mediaType, digest, bytes }: ManifestContent): Descriptor {
  return { mediaType, digest, size: bytes.byteLength };
}
