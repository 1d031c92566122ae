import type { ImagesPruneResponse } from "../api/images.ts";
import type { Filters } from "../base/filters.ts";
import { pruneLimit } from "../containers/prune.ts";
import type { Engine } from "./engine.ts";
import { createdMillis } from "./image-list.ts";
import { pruned } from "./object-events.ts";

export const imagePruneFilters = ["dangling", "label", "label!", "until"];

/** Removes images without a name that no container uses; with the filter `dangling=false`, those with names too. */
export async function pruneImages(engine: Engine, filters: Filters): Promise<ImagesPruneResponse> {
  const until = pruneLimit(filters, engine.clock.nowNanos());
  const { deleted, reclaimed } = await engine.images.prune({
    all: filters.boolean("dangling") === false,
    filter: (image) => {
      const labels = image.config.config?.Labels;
      return (
        (until === undefined || createdMillis(image) < until) &&
        filters.labels(labels) &&
        !(filters.has("label!") && filters.labels(labels, "label!"))
      );
    },
  });
  pruned(engine.events, "image", reclaimed);
  return { ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
}
