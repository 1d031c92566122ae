import type { Digest } from "../oci/digest.ts";
import { type Descriptor, type Index, isIndex, type Manifest } from "../oci/manifest.ts";
import { isForeignLayerType, isIndexType, isManifestType } from "../oci/media-types.ts";
import { RegistryError } from "./errors.ts";

/** Sizes in bytes of what a repository has; undefined for what it has not. */
export interface RepositoryContent {
  blobSize(digest: Digest): Promise<number | undefined>;
  manifestSize(digest: Digest): Promise<number | undefined>;
}

/**
 * Makes sure that all that a manifest or index consists of is in its repository, with the size that it says
 * (distribution-spec, "Push"). Layers that may only be fetched from their own URLs are not looked for. Throws
 * MANIFEST_BLOB_UNKNOWN, with one entry for each that is missing, or SIZE_INVALID.
 */
export async function checkReferences(document: Manifest | Index, content: RepositoryContent): Promise<void> {
  const missing: Digest[] = [];
  const wrong: Digest[] = [];
  const seen = new Set<string>();
  for (const descriptor of referenced(document)) {
    const key = `${descriptor.mediaType} ${descriptor.digest} ${descriptor.size}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const size = await sizeOf(descriptor, content);
    if (size === undefined) missing.push(descriptor.digest);
    else if (size !== descriptor.size) wrong.push(descriptor.digest);
  }
  if (missing.length > 0) throw about("MANIFEST_BLOB_UNKNOWN", missing);
  if (wrong.length > 0) throw about("SIZE_INVALID", wrong);
}

function referenced(document: Manifest | Index): Descriptor[] {
  const all = isIndex(document) ? document.manifests : [document.config, ...document.layers];
  return all.filter(({ mediaType, urls }) => !isForeignLayerType(mediaType) || urls === undefined);
}

async function sizeOf(descriptor: Descriptor, content: RepositoryContent): Promise<number | undefined> {
  const { mediaType, digest } = descriptor;
  const isDocument = isIndexType(mediaType) || isManifestType(mediaType);
  return isDocument ? content.manifestSize(digest) : content.blobSize(digest);
}

function about(kind: "MANIFEST_BLOB_UNKNOWN" | "SIZE_INVALID", digests: readonly Digest[]): RegistryError {
  return new RegistryError(kind, { details: [...new Set(digests)].map((digest) => ({ digest })) });
}
