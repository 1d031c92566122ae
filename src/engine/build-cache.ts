import type { BuildPruneResponse } from "../api/images.ts";
import { Filters } from "../base/filters.ts";
import { pruneLimit } from "../containers/prune.ts";
import type { BuildCacheRow } from "../store/build-cache.ts";
import type { Engine } from "./engine.ts";
import { pruned } from "./object-events.ts";

export const buildPruneFilters = ["until", "unused-for", "id", "type", "description"];

/** Layers that an image has too: to delete the record would free nothing. */
function sharedLayers({ images }: Engine): Set<string> {
  return new Set(images.list().flatMap(({ layers }) => layers));
}

function record(row: BuildCacheRow, shared: boolean) {
  return {
    ID: row.id,
    Type: row.kind,
    Description: row.description,
    InUse: false,
    Shared: shared,
    Size: row.size + row.blobSize,
    CreatedAt: row.created,
    LastUsedAt: row.uses === 0 ? null : new Date(row.used).toISOString(),
    UsageCount: row.uses,
  };
}

/** The part of `docker system df` that is about builds. */
export function buildCacheUsage(engine: Engine) {
  const shared = sharedLayers(engine);
  const Items = engine.builder.cache.list().map((row) => record(row, shared.has(row.diffId)));
  const total = Items.reduce((sum, item) => sum + item.Size, 0);
  const reclaimable = Items.filter((item) => !item.Shared).reduce((sum, item) => sum + item.Size, 0);
  return {
    BuildCache: Items,
    BuildCacheUsage: {
      ActiveCount: 0,
      TotalCount: Items.length,
      Reclaimable: reclaimable,
      TotalSize: total,
      Items,
    },
  };
}

export interface BuildPrune {
  /** Also what images share. */
  all: boolean;
  filters: Filters;
  /** Bytes of the cache that may stay. */
  keep: number;
}

/** `docker builder prune`: the records that were used longest ago go first. */
export async function pruneBuildCache(
  engine: Engine,
  { all, filters, keep }: BuildPrune,
): Promise<BuildPruneResponse> {
  const limit = pruneLimit(renamed(filters), engine.clock.nowNanos());
  const shared = sharedLayers(engine);
  const rows = engine.builder.cache.list();
  let left = rows.reduce((sum, row) => sum + row.size + row.blobSize, 0);
  const deleted: string[] = [];
  for (const row of rows) {
    if (!all && shared.has(row.diffId)) continue;
    if (limit !== undefined && row.used > limit) continue;
    if (!matches(filters, row)) continue;
    if (keep > 0 && left <= keep) break;
    left -= row.size + row.blobSize;
    engine.builder.cache.delete(row.id);
    deleted.push(row.id);
  }
  const { reclaimed } = await engine.images.collect();
  pruned(engine.events, "builder", reclaimed);
  return { CachesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
}

/** `unused-for` is what older clients call `until`. */
function renamed(filters: Filters): Filters {
  const values = filters.get("unused-for");
  return values.length === 0 ? filters : new Filters([["until", values]]);
}

function matches(filters: Filters, row: BuildCacheRow): boolean {
  return (
    filters.exact("id", row.id) &&
    filters.exact("type", row.kind) &&
    filters.exact("description", row.description)
  );
}
