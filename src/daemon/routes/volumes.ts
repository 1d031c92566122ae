import { unavailable } from "../../base/errors.ts";
import { Filters } from "../../base/filters.ts";
import { volumeSummary } from "../../volumes/volume.ts";
import type { VolumeStore } from "../../volumes/volumes.ts";
import { defineHandlers, type Handlers } from "../http/handler.ts";

const listFilters = ["dangling", "driver", "label", "name"];
const pruneFilters = ["all", "label", "label!"];

const noSwarm =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** The operations of `/volumes`. */
export function volumeHandlers(volumes: VolumeStore): Handlers {
  return defineHandlers({
    async VolumeList({ query }) {
      const found = volumes.list(Filters.from(query.filters, listFilters));
      const all = await Promise.all(
        found.map(async (volume) => ({ volume, facts: await volumes.factsIfKnown(volume) })),
      );
      const warnings = new Set(all.flatMap(({ facts }) => facts.warning ?? []));
      return {
        Volumes: all.map(({ volume, facts }) => volumeSummary(volume, facts)),
        Warnings: warnings.size > 0 ? [...warnings] : null,
      };
    },

    async VolumeCreate({ body }) {
      if (body.ClusterVolumeSpec) throw unavailable(noSwarm);
      const volume = await volumes.create(body);
      return volumeSummary(volume, await volumes.factsIfKnown(volume));
    },

    async VolumeInspect({ params }) {
      const volume = volumes.get(params.name);
      return volumeSummary(volume, await volumes.factsIfKnown(volume));
    },

    VolumeUpdate(): never {
      throw unavailable("volume update only valid for cluster volumes, but swarm is unavailable");
    },

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
