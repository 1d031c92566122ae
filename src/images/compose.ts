import type { Digest } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { mediaTypes } from "../oci/media-types.ts";
import type { BlobStore } from "./blobs.ts";
import { describe } from "./content.ts";
import { asDockerLayer } from "./layer-type.ts";

/** What an image that is made here consists of. */
export interface Parts {
  config: ImageConfig;
  /** As many as the configuration has diffIds, the lowest first. */
  layers: readonly Descriptor[];
  /** Of the manifest. */
  annotations?: Readonly<Record<string, string>>;
  /** With Docker's media types (image manifest 2, schema 2) instead of OCI's. */
  dockerTypes?: boolean;
}

/** Writes an image's configuration and manifest, and returns the descriptor of the manifest. All layers are in `blobs`. */
export function compose(blobs: BlobStore, { config, layers, annotations, dockerTypes }: Parts): Descriptor {
  const configDigest = blobs.put(json(config));
  return writeManifest(blobs, {
    mediaType: dockerTypes ? mediaTypes.dockerManifest : mediaTypes.ociManifest,
    config: describe(blobs, configDigest, dockerTypes ? mediaTypes.dockerConfig : mediaTypes.ociConfig),
    layers: dockerTypes ? layers.map(asDockerLayer) : layers,
    annotations,
  });
}

/** Writes an index of manifests that are in `blobs` (with `dockerTypes` a list), and returns its descriptor. */
export function composeIndex(
  blobs: BlobStore,
  {
    manifests,
    annotations,
    dockerTypes,
  }: {
    manifests: readonly Descriptor[];
    annotations: Readonly<Record<string, string>>;
    dockerTypes?: boolean;
  },
): Descriptor {
  const mediaType = dockerTypes ? mediaTypes.dockerList : mediaTypes.ociIndex;
  const digest: Digest = blobs.put(json({ schemaVersion: 2, mediaType, manifests, ...some(annotations) }));
  blobs.setOwn(digest);
  return describe(blobs, digest, mediaType);
}

const some = (annotations: Readonly<Record<string, string>> | undefined) =>
  annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations };

interface ManifestParts {
  mediaType: string;
  artifactType?: string;
  config: Descriptor;
  layers: readonly Descriptor[];
  subject?: Descriptor;
  annotations?: Readonly<Record<string, string>> | undefined;
}

/** Writes a manifest with its fields in the usual order. */
export function writeManifest(
  blobs: BlobStore,
  { mediaType, artifactType, config, layers, subject, annotations }: ManifestParts,
): Descriptor {
  const digest: Digest = blobs.put(
    json({ schemaVersion: 2, mediaType, artifactType, config, layers, subject, ...some(annotations) }),
  );
  blobs.setOwn(digest);
  return describe(blobs, digest, mediaType);
}

export const json = (value: object) => Buffer.from(JSON.stringify(value));
