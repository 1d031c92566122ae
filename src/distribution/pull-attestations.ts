import { isEngineError } from "../base/errors.ts";
import type { Lease } from "../images/blobs.ts";
import { attestedBy, statementMediaType } from "../oci/attestation.ts";
import {
  type Descriptor,
  type Index,
  isIndex,
  maxManifestSize,
  parseManifestOrIndex,
} from "../oci/manifest.ts";
import { isManifestType } from "../oci/media-types.ts";
import { downloadBlob } from "./download-blob.ts";
import type { PullContext } from "./pull-context.ts";
import { RegistryError } from "./registry-error.ts";

/** More is not fetched with an image: bytes of the statements about one manifest, and how many of such manifests. */
const maxSize = 8 * 1024 * 1024;
const maxManifests = 4;

/**
 * Brings what `index` has to tell of the manifest `subject` (provenance, SBOM): then an image of one platform can be
 * pushed as it came. The image is whole without it, so a registry that does not give it fails no pull.
 */
export async function pullAttestations(
  context: PullContext,
  index: Index,
  subject: string,
  lease: Lease,
): Promise<void> {
  const about = index.manifests.filter(
    (child) =>
      isManifestType(child.mediaType) && attestedBy(child) === subject && child.size <= maxManifestSize,
  );
  await Promise.all(
    about.slice(0, maxManifests).map(async (descriptor) => {
      try {
        await pullOne(context, descriptor, lease);
      } catch (error) {
        if (isEngineError(error, "cancelled")) throw error;
        if (!isEngineError(error) && !(error instanceof RegistryError)) throw error;
      }
    }),
  );
}

async function pullOne(context: PullContext, { digest, mediaType }: Descriptor, lease: Lease): Promise<void> {
  const { blobs, repository, signal } = context;
  const bytes = blobs.has(digest)
    ? blobs.read(digest, maxManifestSize)
    : (await repository.first((client) => client.manifest(digest, signal))).bytes;
  const manifest = parseManifestOrIndex(bytes, mediaType);
  if (isIndex(manifest)) return;
  const parts = [manifest.config, ...manifest.layers];
  if (manifest.layers.some((layer) => layer.mediaType !== statementMediaType)) return;
  lease.add(digest, ...parts.map((part) => part.digest));
  if (parts.reduce((sum, { size }) => sum + size, 0) <= maxSize) {
    const missing = parts.filter((part) => !blobs.has(part.digest));
    await Promise.all(
      missing.map((part) =>
        downloadBlob(context, part, `attestation verification failed for digest ${part.digest}`),
      ),
    );
  }
  blobs.put(bytes);
}
