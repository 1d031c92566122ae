import type { Digest } from "../oci/digest.ts";
import type { HistoryItem, Image } from "./image.ts";

/**
 * The steps that made the image, the newest first, as `docker history` shows them. `sizeOf`: bytes of a layer's files.
 */
export function historyOf(image: Image, sizeOf: (diffId: Digest) => number): HistoryItem[] {
  const layers = [...image.layers];
  const items = (image.config.history ?? []).map((step): HistoryItem => {
    const diffId = step.empty_layer ? undefined : layers.shift();
    return {
      id: "<missing>",
      created: seconds(step.created),
      createdBy: step.created_by ?? "",
      tags: [],
      size: diffId === undefined ? 0 : sizeOf(diffId),
      comment: step.comment ?? "",
    };
  });
  // Layers that the history does not tell of are there all the same.
  for (const diffId of layers) {
    const size = sizeOf(diffId);
    items.push({
      id: "<missing>",
      created: seconds(image.created),
      createdBy: "",
      tags: [],
      size,
      comment: "",
    });
  }
  const newest = items.at(-1);
  if (newest) Object.assign(newest, { id: image.id, tags: image.repoTags });
  return items.reverse();
}

/** Seconds since 1970 of an RFC 3339 time; 0 when there is none. */
export function seconds(time: string | undefined): number {
  const millis = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(millis) ? 0 : Math.floor(millis / 1000);
}
