import type { Descriptor } from "./manifest.ts";

/*
 * How BuildKit keeps what there is to tell of an image beside it (docs/attestations/attestation-storage.md there): a
 * manifest in the same index, which says by its annotations what it is, and which one it is about. Its layers are
 * in-toto statements.
 */

export const referenceType = "vnd.docker.reference.type";
export const referenceDigest = "vnd.docker.reference.digest";
export const attestationManifest = "attestation-manifest";
/** Of a manifest of attestations that is an artifact of OCI 1.1. */
export const attestationArtifact = "application/vnd.docker.attestation.manifest.v1+json";
/** The annotation of a layer that says what its statement is about. */
export const predicateAnnotation = "in-toto.io/predicate-type";
export const statementMediaType = "application/vnd.in-toto+json";

export const predicates = {
  slsa02: "https://slsa.dev/provenance/v0.2",
  slsa1: "https://slsa.dev/provenance/v1",
  spdx: "https://spdx.dev/Document",
} as const;

/** The manifest that one of attestations is about; undefined for others. */
export function attestedBy({ annotations }: Descriptor): string | undefined {
  return annotations?.[referenceType] === attestationManifest ? annotations[referenceDigest] : undefined;
}

/** The form of in-toto in which statements are written (in-toto attestation framework, spec v0.1). */
export const statementType = "https://in-toto.io/Statement/v0.1";

export interface Subject {
  name: string;
  digest: Record<string, string>;
}

/** What is said of something by whoever made it. */
export interface Statement {
  _type: typeof statementType;
  predicateType: string;
  subject: Subject[];
  predicate: unknown;
}
