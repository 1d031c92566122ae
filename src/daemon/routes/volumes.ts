import { Filters } from "../../base/filters.ts";
import { volumeSummary } from "../../volumes/volume.ts";
import type { VolumeStore } from "../../volumes/volumes.ts";
import { defineHandlers, type Handlers } from "../http/handler.ts";

const listFilters = ["dangling", "driver", "label", "name"];
const pruneFilters = ["all", "label", "label!"];

/** The operations of `/volumes`. */
export function volumeHandlers(volumes: VolumeStore): Handlers {
  return defineHandlers({
    VolumeList({ query }) {
      const found = volumes.list(Filters.from(query.filters, listFilters));
      return { Volumes: found.map(volumeSummary), Warnings: null };
    },

    VolumeCreate: ({ body }) => volumeSummary(volumes.create(body)),

    VolumeInspect: ({ params }) => volumeSummary(volumes.get(params.name)),

    async VolumeDelete({ params, query }) {
      await volumes.remove(params.name, { force: query.force });
    },

    async VolumePrune(request) {
      // Before API 1.42 volumes with a name were pruned as well.
      const asked = request.atLeast("1.42") ? {} : { all: ["true"] };
      const filters = Filters.from({ ...asked, ...request.query.filters }, pruneFilters);
      const { deleted, reclaimed } = await volumes.prune(filters);
      return { VolumesDeleted: deleted, SpaceReclaimed: reclaimed };
    },
  });
}
