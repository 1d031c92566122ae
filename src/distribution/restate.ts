import type { BlobStore, Lease } from "../images/blobs.ts";
import { statementMediaType } from "../oci/attestation.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor, Manifest } from "../oci/manifest.ts";
import { mediaTypes } from "../oci/media-types.ts";

/** What has another form where it is sent to: by its digest here. */
export type Replaced = ReadonlyMap<string, Descriptor>;

/** A manifest of statements, made anew: what it names, and what each of that was before. */
export interface Restated {
  parts: { config: Descriptor; layers: Descriptor[]; subject?: Descriptor };
  blobs: Map<Digest, Descriptor>;
}

/** How deep a statement can be: nobody's is deeper. */
const maxDepth = 64;

/**
 * Statements (in-toto) about what is sent in another form than it has here say the digests that it has there. They are
 * written beside the old ones, for `lease`. Undefined for a manifest that is none of statements.
 */
export function restate(
  blobs: BlobStore,
  lease: Lease,
  manifest: Manifest,
  replaced: Replaced,
): Restated | undefined {
  if (!manifest.layers.some(({ mediaType }) => mediaType === statementMediaType)) return undefined;
  const written = new Map<Digest, Descriptor>();
  const write = (old: Descriptor, value: unknown): Descriptor => {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = blobs.put(bytes);
    lease.add(digest);
    const made = { ...old, digest, size: bytes.length };
    if (digest !== old.digest) written.set(old.digest, made);
    return made;
  };
  const layers = manifest.layers.map((layer) =>
    layer.mediaType === statementMediaType ? write(layer, withDigests(read(blobs, layer), replaced)) : layer,
  );
  const { config, subject } = manifest;
  const diffIds = { type: "layers", diff_ids: layers.map(({ digest }) => digest) };
  const isConfig = config.mediaType === mediaTypes.ociConfig;
  const about = subject && replaced.get(subject.digest);
  const parts = {
    config: isConfig ? write(config, { ...(read(blobs, config) as object), rootfs: diffIds }) : config,
    layers,
    ...(subject && { subject: { ...subject, ...about } }),
  };
  return { parts, blobs: written };
}

function read(blobs: BlobStore, { digest, size }: Descriptor): unknown {
  return JSON.parse(Buffer.from(blobs.read(digest, size)).toString("utf8"));
}

/** Subjects (`{"sha256": hex}`) and descriptors with the digests that they have now. */
export function withDigests(value: unknown, replaced: Replaced, depth = 0): unknown {
  if (typeof value !== "object" || value === null || depth > maxDepth) return value;
  if (Array.isArray(value)) return value.map((one) => withDigests(one, replaced, depth + 1));
  const fields = value as Record<string, unknown>;
  const subject = typeof fields.sha256 === "string" ? replaced.get(`sha256:${fields.sha256}`) : undefined;
  if (subject !== undefined) return { ...fields, sha256: subject.digest.slice("sha256:".length) };
  const descriptor = typeof fields.digest === "string" ? replaced.get(fields.digest) : undefined;
  if (descriptor !== undefined) return { ...fields, ...descriptor };
  return Object.fromEntries(
    Object.entries(fields).map(([name, one]) => [name, withDigests(one, replaced, depth + 1)]),
  );
}
