/**
 * What a cache says of itself, in the form of BuildKit's caches (cache/remotecache/v1/spec.go): layers, and records that
 * name the layers that came of a step. The keys are ours: BuildKit finds none of its own among them, and we none of ours
 * in a cache of BuildKit's. What its form has no place for stands below `longshore`, which others skip.
 */
import { type Digest, isDigest } from "../../oci/digest.ts";
import { type JsonObject, parseJsonObject } from "../../oci/json.ts";
import type { Descriptor } from "../../oci/manifest.ts";

/** What of a step is handed on. */
export interface CachedStep {
  /** Without "sha256:". */
  keys: readonly string[];
  diffId: Digest;
  /** RFC 3339. */
  created: string;
  /** Where the layer stands among those of the cache; undefined where only what came of the step is told. */
  layer: number | undefined;
}

export interface CacheLayer {
  diffId: Digest;
  descriptor: Descriptor;
  created: string;
}

export interface CacheConfig {
  layers: readonly CacheLayer[];
  steps: readonly CachedStep[];
  /** Folders of `RUN --mount=type=cache`, by name: blobs of the cache. */
  mounts: readonly { name: string; blob: Digest }[];
}

/** More than any cache says of itself. Bytes. */
export const maxCacheConfig = 32 * 1024 * 1024;

export function encodeCacheConfig({ layers, steps, mounts }: CacheConfig): Buffer {
  const config = {
    layers: layers.map(({ diffId, descriptor: { digest, mediaType, size }, created }) => ({
      blob: digest,
      parent: -1,
      annotations: { mediaType, diffID: diffId, size, createdAt: created },
    })),
    records: recordsOf(steps),
    ...(mounts.length > 0 && { longshore: { mounts } }),
  };
  return Buffer.from(JSON.stringify(config));
}

/** The records alone, as they stand in an image's configuration: `layer` is then the place among the image's layers. */
export function encodeRecords(steps: readonly CachedStep[]): Buffer {
  return Buffer.from(JSON.stringify(recordsOf(steps)));
}

function recordsOf(steps: readonly CachedStep[]): object[] {
  return steps.flatMap(({ keys, diffId, created, layer }) => {
    const result =
      layer === undefined
        ? { longshore: { diffID: diffId, createdAt: created } }
        : { layers: [{ layer, createdAt: created }] };
    return keys.map((key) => ({ digest: `sha256:${key}`, ...result }));
  });
}

/** What records name. */
export interface DecodedRecord {
  key: string;
  created: string;
  result: { layer: number } | { diffId: Digest };
}

/** A cache's description; what is not understood of it is left out. Throws `invalidArgument` for what is no JSON. */
export function decodeCacheConfig(bytes: Uint8Array): {
  layers: ({ diffId: Digest; blob: Digest } | undefined)[];
  records: DecodedRecord[];
  mounts: { name: string; blob: Digest }[];
  foreign: number;
} {
  const config = parseJsonObject(bytes, "cache config", maxCacheConfig);
  const layers = objects(config.layers).map(({ blob, annotations }) => {
    const diffId = isObject(annotations) ? annotations.diffID : undefined;
    return isDigestText(blob) && isDigestText(diffId) ? { blob, diffId } : undefined;
  });
  const own = isObject(config.longshore) ? config.longshore : {};
  const mounts = objects(own.mounts).flatMap(({ name, blob }) =>
    typeof name === "string" && isDigestText(blob) ? [{ name, blob }] : [],
  );
  const { records } = config;
  return { layers, records: decodeRecords(records), mounts, foreign: foreignRecords(records) };
}

/**
 * How many records are BuildKit's: they say which others they stand on, while our keys hold that themselves. What it makes
 * its keys of, its own operations, nobody can tell from the keys: what such records name is found by no step of ours.
 */
export function foreignRecords(value: unknown): number {
  const records = objects(value);
  return records.some(({ inputs }) => Array.isArray(inputs) && inputs.length > 0) ? records.length : 0;
}

/** Records as they stand in a cache's description, or by themselves in an image's configuration. */
export function decodeRecords(value: unknown): DecodedRecord[] {
  return objects(value).flatMap(({ digest, layers, longshore }): DecodedRecord[] => {
    if (!isDigestText(digest)) return [];
    const key = digest.slice(digest.indexOf(":") + 1);
    const [first] = objects(layers);
    if (first !== undefined && Number.isSafeInteger(first.layer)) {
      return [{ key, created: textOf(first.createdAt), result: { layer: Number(first.layer) } }];
    }
    if (!isObject(longshore) || !isDigestText(longshore.diffID)) return [];
    return [{ key, created: textOf(longshore.createdAt), result: { diffId: longshore.diffID } }];
  });
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const objects = (value: unknown): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
const textOf = (value: unknown) => (typeof value === "string" ? value : "");
const isDigestText = (value: unknown): value is Digest => typeof value === "string" && isDigest(value);
