import {
  attestationArtifact,
  attestationManifest,
  predicateAnnotation,
  referenceDigest,
  referenceType,
  type Statement,
  statementMediaType,
} from "../oci/attestation.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { mediaTypes } from "../oci/media-types.ts";
import type { BlobStore } from "./blobs.ts";
import { json, writeManifest } from "./compose.ts";
import { describe } from "./content.ts";

/** Of no platform, so that nobody takes it for an image to run. */
const nowhere = { architecture: "unknown", os: "unknown" };

/**
 * Writes a manifest of statements about `subject`, and returns its descriptor as it stands in an index. As an artifact
 * it names its subject by itself, too (OCI image-spec 1.1).
 */
export function composeAttestation(
  blobs: BlobStore,
  subject: Descriptor,
  statements: readonly Statement[],
  options: { artifact: boolean },
): Descriptor {
  const layers = statements.map((statement): Descriptor => {
    const described = describe(blobs, blobs.put(json(statement)), statementMediaType);
    return { ...described, annotations: { [predicateAnnotation]: statement.predicateType } };
  });
  const rootfs = { type: "layers", diff_ids: layers.map(({ digest }) => digest) };
  const { mediaType, digest, size } = subject;
  const manifest = options.artifact
    ? {
        artifactType: attestationArtifact,
        config: describe(blobs, blobs.put(Buffer.from("{}")), mediaTypes.ociEmpty),
        subject: { mediaType, digest, size },
      }
    : {
        config: describe(blobs, blobs.put(json({ ...nowhere, config: {}, rootfs })), mediaTypes.ociConfig),
      };
  const written = writeManifest(blobs, { mediaType: mediaTypes.ociManifest, ...manifest, layers });
  const annotations = { [referenceDigest]: digest, [referenceType]: attestationManifest };
  return { ...written, annotations, platform: nowhere };
}
