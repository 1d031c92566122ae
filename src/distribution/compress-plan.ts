import type { DiskWorkers } from "../archive/disk-workers.ts";
import type { BlobStore, Lease } from "../images/blobs.ts";
import { compressLayer, isPlain } from "../images/compress-layer.ts";
import { referenceDigest as subject } from "../oci/attestation.ts";
import type { Digest } from "../oci/digest.ts";
import { sha256Of } from "../oci/digester.ts";
import {
  type Descriptor,
  type Index,
  isIndex,
  type Manifest,
  parseManifestOrIndex,
} from "../oci/manifest.ts";
import type { PushedDocument, PushPlan } from "./push-plan.ts";
import { type Restated, restate } from "./restate.ts";

export interface CompressingStores {
  blobs: BlobStore;
  workers: DiskWorkers;
}

/**
 * Layers that were made here are kept plain, and sent gzipped, in manifests that say so. What was pulled or loaded goes as
 * it came. Changes `plan`; its documents are in the order in which they are put, so those that are named come first.
 */
export async function compressPlan(
  stores: CompressingStores,
  plan: PushPlan,
  lease: Lease,
  signal: AbortSignal,
): Promise<void> {
  const documents = plan.documents.map((document) => ({
    document,
    parsed: parseManifestOrIndex(document.bytes, document.mediaType),
    own: stores.blobs.isOwn(document.digest),
  }));
  const layersOf = (own: boolean) =>
    documents.flatMap((one) => (one.own === own && !isIndex(one.parsed) ? one.parsed.layers : []));
  const plain = new Map(
    layersOf(true)
      .filter((layer) => isPlain(stores.blobs, layer))
      .map((layer) => [layer.digest, layer]),
  );
  if (plain.size === 0) return;
  const made = await Promise.all(
    [...plain.values()].map((layer) => compressLayer(stores, layer, lease, signal)),
  );
  const layers = new Map([...plain.keys()].map((digest, at) => [digest, made[at] as Descriptor]));
  const asIs = new Set(layersOf(false).map(({ digest }) => digest));
  plan.layers = plan.layers.flatMap((layer) => {
    const blob = layers.get(layer.blob.digest);
    return [...(!blob || asIs.has(layer.blob.digest) ? [layer] : []), ...(blob ? [{ ...layer, blob }] : [])];
  });
  const replaced = new Map<Digest, Descriptor>();
  plan.documents = documents.map(({ document, parsed, own }) => {
    if (!own) return document;
    const changes = new Map([...layers, ...replaced]);
    const said = isIndex(parsed) ? undefined : restate(stores.blobs, lease, parsed, changes);
    if (said !== undefined) replaceBlobs(plan, said);
    return rewrite(document, parsed, said?.blobs ?? layers, replaced, said);
  });
  const instead = plan.insteadOf && replaced.get(plan.insteadOf.manifest.digest);
  if (plan.insteadOf && instead) plan.insteadOf.manifest = { ...plan.insteadOf.manifest, ...instead };
}

/** Statements go in the form that they have where they are sent to. */
function replaceBlobs(plan: PushPlan, { blobs }: Restated): void {
  plan.layers = plan.layers.map((layer) => ({ ...layer, blob: blobs.get(layer.blob.digest) ?? layer.blob }));
  plan.configs = plan.configs.map((config) => blobs.get(config.digest) ?? config);
}

/** The document with what it names replaced; what it has become itself goes into `replaced`. */
function rewrite(
  document: PushedDocument,
  parsed: Manifest | Index,
  layers: ReadonlyMap<Digest, Descriptor>,
  replaced: Map<Digest, Descriptor>,
  restated?: Restated,
): PushedDocument {
  const isChanged = isIndex(parsed)
    ? parsed.manifests.some(({ digest }) => replaced.has(digest))
    : parsed.layers.some(({ digest }) => layers.has(digest)) ||
      (parsed.subject !== undefined && replaced.has(parsed.subject.digest));
  if (!isChanged) return document;
  const raw = JSON.parse(Buffer.from(document.bytes).toString("utf8")) as Record<string, unknown>;
  const changed = isIndex(parsed)
    ? { ...raw, manifests: parsed.manifests.map((child) => withNewDigests(child, replaced)) }
    : {
        ...raw,
        ...(restated?.parts ?? { layers: parsed.layers.map((layer) => layers.get(layer.digest) ?? layer) }),
      };
  const bytes = Buffer.from(JSON.stringify(changed));
  const digest = sha256Of(bytes);
  const { mediaType } = document;
  replaced.set(document.digest, { mediaType, digest, size: bytes.length });
  return { bytes, mediaType, digest };
}

function withNewDigests(child: Descriptor, replaced: ReadonlyMap<Digest, Descriptor>): Descriptor {
  const about = child.annotations?.[subject];
  const other = about === undefined ? undefined : replaced.get(about as Digest);
  return {
    ...child,
    ...replaced.get(child.digest),
    ...(other && { annotations: { ...child.annotations, [subject]: other.digest } }),
  };
}
