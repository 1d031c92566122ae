import { isEngineError } from "../../base/errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { maxImageConfigSize, parseImageConfig } from "../../oci/image-config.ts";
import { parseJsonObject } from "../../oci/json.ts";
import {
  type Descriptor,
  type Index,
  isIndex,
  type Manifest,
  maxIndexDepth,
  parseManifestOrIndex,
} from "../../oci/manifest.ts";
import { isImageConfigType, isIndexType, isManifestType, mediaTypes } from "../../oci/media-types.ts";
import { type ContentReader, readSmall } from "../content-reader.ts";
import {
  type DecodedRecord,
  decodeCacheConfig,
  decodeRecords,
  foreignRecords,
  maxCacheConfig,
} from "./cache-config.ts";
import type { ImportedMount, ImportedResult, LoadedCache } from "./imported-cache.ts";

/** Where an image's configuration says what it knows of its own steps. */
export const inlineCacheKey = "moby.buildkit.cache.v0";

/** What is found in images, one after another. */
interface Found {
  results: Map<string, ImportedResult>;
  foreign: number;
}

/** Reads what a cache, or an image that has one in it, knows. Its layers stay where they are. */
export async function loadCache(reader: ContentReader, signal: AbortSignal): Promise<LoadedCache> {
  const { bytes, mediaType } = await reader.top(signal);
  const document = parseManifestOrIndex(bytes, mediaType);
  const parts = isIndex(document) ? document.manifests : [document.config, ...document.layers];
  const config = parts.find((part) => part.mediaType === mediaTypes.buildkitCache);
  if (config !== undefined) return loadConfig(reader, config, parts, signal);
  const found: Found = { results: new Map(), foreign: 0 };
  await loadInline(reader, document, found, signal);
  return { ...found, mounts: new Map() };
}

async function loadConfig(
  reader: ContentReader,
  config: Descriptor,
  parts: readonly Descriptor[],
  signal: AbortSignal,
): Promise<LoadedCache> {
  const { layers, records, mounts, foreign } = decodeCacheConfig(
    await readSmall(reader, config, maxCacheConfig, signal),
  );
  const blobs = new Map(parts.map((part) => [part.digest, part]));
  const results = new Map<string, ImportedResult>();
  for (const record of records) {
    const result = resultOf(record, (at) => {
      const layer = layers[at];
      const descriptor = layer && blobs.get(layer.blob);
      return layer && descriptor && { diffId: layer.diffId, blob: { descriptor, reader } };
    });
    if (result !== undefined) results.set(record.key, result);
  }
  const folders = mounts.flatMap(({ name, blob }): [string, ImportedMount][] => {
    const descriptor = blobs.get(blob);
    return descriptor === undefined ? [] : [[name, { descriptor, reader }]];
  });
  return { results, mounts: new Map(folders), foreign };
}

type LayerAt = (at: number) => Pick<ImportedResult, "diffId" | "blob"> | undefined;

function resultOf({ created, result }: DecodedRecord, layerAt: LayerAt): ImportedResult | undefined {
  if ("diffId" in result) return { diffId: result.diffId, created, blob: undefined };
  const layer = layerAt(result.layer);
  return layer && { ...layer, created };
}

/** An image for each platform, each with what it knows. */
async function loadInline(
  reader: ContentReader,
  document: Manifest | Index,
  found: Found,
  signal: AbortSignal,
  depth = 0,
): Promise<void> {
  if (!isIndex(document)) return loadImage(reader, document, found, signal);
  const children = document.manifests.filter(
    ({ mediaType, platform }) =>
      (isManifestType(mediaType) || isIndexType(mediaType)) && platform?.os !== "unknown",
  );
  if (depth > maxIndexDepth) return;
  for (const { digest } of children) {
    const child = await readChild(reader, digest, signal);
    // An image that was pulled has one platform here, and names the others.
    if (child === undefined) continue;
    await loadInline(reader, parseManifestOrIndex(child.bytes, child.mediaType), found, signal, depth + 1);
  }
}

async function readChild(reader: ContentReader, digest: Digest, signal: AbortSignal) {
  try {
    return await reader.document(digest, signal);
  } catch (error) {
    if (isEngineError(error, "notFound")) return undefined;
    throw error;
  }
}

async function loadImage(
  reader: ContentReader,
  { config, layers }: Manifest,
  found: Found,
  signal: AbortSignal,
): Promise<void> {
  if (!isImageConfigType(config.mediaType)) return;
  const bytes = await readSmall(reader, config, maxImageConfigSize, signal);
  const inline = parseJsonObject(bytes, "image config", maxImageConfigSize)[inlineCacheKey];
  if (typeof inline !== "string") return;
  const { diff_ids: diffIds } = parseImageConfig(bytes).rootfs;
  const records: unknown = JSON.parse(Buffer.from(inline, "base64").toString("utf8"));
  found.foreign += foreignRecords(records);
  for (const record of decodeRecords(records)) {
    const result = resultOf(record, (at) => {
      const [diffId, descriptor] = [diffIds[at], layers[at]];
      return diffId && descriptor && { diffId, blob: { descriptor, reader } };
    });
    if (result !== undefined) found.results.set(record.key, result);
  }
}
