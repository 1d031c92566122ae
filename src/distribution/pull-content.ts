import { internal, invalidArgument, isEngineError, messageOf, notFound } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import type { Lease } from "../images/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import { type ImageConfig, maxImageConfigSize, parseImageConfig, platformOf } from "../oci/image-config.ts";
import {
  type Descriptor,
  type Index,
  isIndex,
  type Manifest,
  maxManifestSize,
  parseManifestOrIndex,
} from "../oci/manifest.ts";
import { isImageConfigType, isIndexType, isManifestType, layerCompression } from "../oci/media-types.ts";
import { formatPlatform, type Platform, selectPlatform } from "../oci/platform.ts";
import { downloadBlob } from "./download-blob.ts";
import { layerStatus } from "./progress.ts";
import { pullAttestations } from "./pull-attestations.ts";
import { type PullContext, together } from "./pull-context.ts";
import { pullLayer } from "./pull-layer.ts";
import type { FetchedManifest } from "./registry-client.ts";

export interface PulledContent {
  /** What the image's name is to point to. */
  target: Descriptor;
  /** What the configuration says. */
  platform: Platform;
  /** False when everything was there already. */
  fetched: boolean;
}

/** An index within an index within an index: nobody makes deeper ones. */
const maxDepth = 3;

/**
 * Brings everything below `top` that `platform` needs into the stores: the manifests on the way, the configuration, and
 * the layers, side by side. `lease` gets all digests before anything is stored under them.
 */
export async function pullContent(
  context: PullContext,
  top: FetchedManifest,
  platform: Platform,
  lease: Lease,
): Promise<PulledContent> {
  const topDocument = parseManifestOrIndex(top.bytes, top.mediaType);
  const { manifest, documents } = await findManifest(context, top, topDocument, platform);
  checkTypes(manifest);
  lease.add(
    ...documents.map(({ digest }) => digest),
    manifest.config.digest,
    ...manifest.layers.map(({ digest }) => digest),
  );
  for (const { bytes } of documents) context.blobs.put(bytes);
  const hadConfig = context.blobs.has(manifest.config.digest);
  const config = pullConfig(context, manifest, lease);
  const work = pullLayers(context, manifest, config, hadConfig);
  const index = documents.at(-2);
  const about = index && parseManifestOrIndex(index.bytes, index.mediaType);
  const attestations =
    about !== undefined && isIndex(about)
      ? pullAttestations(context, about, documents.at(-1)?.digest ?? "", lease)
      : Promise.resolve();
  await together(context, [config, work, attestations]);
  const target = { mediaType: topDocument.mediaType, digest: top.digest, size: top.bytes.byteLength };
  return { target, platform: (await config).platform, fetched: (await work) || !hadConfig };
}

/** Walks from `top` to the manifest for `platform`. */
async function findManifest(
  context: PullContext,
  top: FetchedManifest,
  topDocument: Manifest | Index,
  platform: Platform,
): Promise<{ manifest: Manifest; documents: FetchedManifest[] }> {
  const documents = [top];
  let document = topDocument;
  while (isIndex(document)) {
    const usable = document.manifests.filter(
      ({ mediaType }) => isManifestType(mediaType) || isIndexType(mediaType),
    );
    const chosen = selectPlatform(usable, platform);
    if (chosen === undefined || documents.length > maxDepth) {
      throw notFound(`no matching manifest for ${formatPlatform(platform)} in the manifest list entries`);
    }
    const next = await readManifest(context, chosen);
    documents.push(next);
    document = parseManifestOrIndex(next.bytes, next.mediaType);
  }
  return { manifest: document, documents };
}

function readManifest(context: PullContext, chosen: Descriptor): Promise<FetchedManifest> {
  const { digest, mediaType } = chosen;
  if (context.blobs.has(digest)) {
    return Promise.resolve({ bytes: context.blobs.read(digest, maxManifestSize), mediaType, digest });
  }
  return context.repository.first((client) => client.manifest(digest, context.signal));
}

/** Types of configurations that old registries and clients gave to Docker's images. */
const oldConfigTypes = new Set(["application/octet-stream", "application/json", "text/html", ""]);

/** Refuses what is not an image that can be run: charts, signatures, models. */
function checkTypes(manifest: Manifest): void {
  const { mediaType } = manifest.config;
  if (!isImageConfigType(mediaType) && !oldConfigTypes.has(mediaType)) {
    throw invalidArgument(`Encountered remote "${mediaType}"(unknown) when fetching`);
  }
  for (const layer of manifest.layers) {
    if (layerCompression(layer.mediaType) === undefined) {
      throw invalidArgument(`unsupported media type ${layer.mediaType}`);
    }
  }
}

interface PulledConfig {
  platform: Platform;
  diffIds: Digest[];
}

async function pullConfig(context: PullContext, manifest: Manifest, lease: Lease): Promise<PulledConfig> {
  const { digest, size } = manifest.config;
  try {
    if (size > maxImageConfigSize) throw invalidArgument(`image config of ${size} bytes is too large`);
    if (!context.blobs.has(digest)) {
      await downloadBlob(context, manifest.config, `image config verification failed for digest ${digest}`);
    }
  } catch (error) {
    if (isEngineError(error, "cancelled")) throw error;
    throw internal(`error pulling image configuration: ${messageOf(error)}`, error);
  }
  const config: ImageConfig = parseImageConfig(context.blobs.read(digest, maxImageConfigSize));
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw internal("layers from manifest don't match image configuration");
  }
  lease.add(...diffIds);
  return { platform: platformOf(config), diffIds };
}

/**
 * Pulls the layers that are not there. True when there was something to do. Says nothing about the layers of an image
 * that is there as a whole.
 */
async function pullLayers(
  context: PullContext,
  manifest: Manifest,
  config: Promise<PulledConfig>,
  hadConfig: boolean,
): Promise<boolean> {
  // Which layers are there is only known with the diffIds; without the configuration the blob decides, since
  // that of a layer is there as soon as the layer is.
  const diffIds = hadConfig ? (await config).diffIds : undefined;
  const missing = new Set<Digest>();
  manifest.layers.forEach(({ digest }, at) => {
    const dropped = context.blobs.dropped(digest)?.diffId;
    const diffId = diffIds?.[at] ?? dropped;
    const hasBlob = context.blobs.has(digest) || dropped !== undefined;
    if (!hasBlob || (diffId !== undefined && !context.layers.has(diffId))) missing.add(digest);
  });
  if (hadConfig && missing.size === 0) return false;
  const unique = new Map(manifest.layers.map((layer) => [layer.digest, layer]));
  for (const digest of unique.keys()) {
    const status = missing.has(digest) ? "Pulling fs layer" : "Already exists";
    context.progress(layerStatus(shortId(digest), status));
  }
  await together(
    context,
    [...unique.values()].map((layer) => {
      const mine = config.then(({ diffIds: all }) =>
        all.filter((_, at) => manifest.layers[at]?.digest === layer.digest),
      );
      return missing.has(layer.digest)
        ? pullLayer(context, layer, mine)
        : unpackIfNeeded(context, layer, mine);
    }),
  );
  return missing.size > 0;
}

/** A blob that is there may have been pulled for another platform, and never unpacked. */
async function unpackIfNeeded(
  context: PullContext,
  layer: Descriptor,
  diffIds: Promise<Digest[]>,
): Promise<void> {
  for (const diffId of new Set(await diffIds)) {
    const { digest: blob } = layer;
    if (!context.layers.has(diffId)) await context.layers.unpack({ diffId, blob, signal: context.signal });
  }
}
