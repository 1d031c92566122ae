import type { Built } from "../build.ts";
import { type BuildCache, portableKeys } from "../cache.ts";
import type { RecordedResult } from "../record.ts";
import { type CachedStep, encodeRecords } from "./cache-config.ts";

/** The steps of several builds, each once: builds of several platforms have some in common. */
export function stepsOf(builds: readonly Pick<Built, "record">[]): RecordedResult[] {
  const all = builds.flatMap(({ record }) => record.results);
  return [...new Map(all.map((step) => [step.keys[0], step])).values()];
}

/**
 * What an image says of the steps that made it, for its own configuration: base64. Undefined where it has no layers of its
 * own. `diffIds`: those of the image.
 */
export function inlineCache(
  cache: BuildCache,
  built: Pick<Built, "record">,
  diffIds: readonly string[],
): string | undefined {
  const steps = stepsOf([built]).flatMap(({ keys, layer: { diffId, created } }): CachedStep[] => {
    const portable = portableKeys(cache.keysLike(keys));
    const at = diffIds.indexOf(diffId);
    return portable.length === 0 ? [] : [{ keys: portable, diffId, created, layer: at < 0 ? undefined : at }];
  });
  if (steps.every(({ layer }) => layer === undefined)) return undefined;
  return encodeRecords(steps).toString("base64");
}
