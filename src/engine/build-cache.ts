import { statSync } from "node:fs";
import { join } from "node:path";
import type { BuildPruneResponse } from "../api/images.ts";
import type { BuildCache } from "../api/system.ts";
import { Filters } from "../base/filters.ts";
import { pruneLimit } from "../containers/prune.ts";
import type { Digest } from "../oci/digest.ts";
import type { Engine } from "./engine.ts";
import { pruned } from "./object-events.ts";

export const buildPruneFilters = ["until", "unused-for", "id", "type", "description"];

/** A record of the cache: the layer of a step, or a folder that builds keep. */
interface Entry {
  record: BuildCache;
  /** Milliseconds since 1970. */
  used: number;
  /** Layers with the same digest are on the disk once. */
  diffId: Digest | undefined;
}

/** What a blob takes on the disk, with the compressed form that it was sent in; nothing where it is not there. */
function blobBytes({ blobs }: Engine, blob: Digest): number {
  const all = [blob, blobs.compressedOf(blob)?.digest];
  return all.reduce(
    (sum, one) => sum + (one !== undefined && blobs.has(one) ? statSync(blobs.path(one)).blocks * 512 : 0),
    0,
  );
}

async function layerEntries(engine: Engine): Promise<Entry[]> {
  const { layers, images, builder } = engine;
  // To delete a record whose layer an image has too would free nothing.
  const shared = new Set<string>(images.list().flatMap((image) => image.layers));
  return Promise.all(
    builder.cache.list().map(async (row) => ({
      used: row.used,
      diffId: row.diffId,
      record: {
        ID: row.id,
        Type: row.kind,
        Description: row.description,
        InUse: false,
        Shared: shared.has(row.diffId),
        Size: (layers.has(row.diffId) ? await layers.diskBytes(row.diffId) : 0) + blobBytes(engine, row.blob),
        CreatedAt: row.created,
        LastUsedAt: row.uses === 0 ? null : new Date(row.used).toISOString(),
        UsageCount: row.uses,
      },
    })),
  );
}

/** Folders that builds keep: of `RUN --mount=type=cache`, and what clients have sent as contexts. */
async function folderEntries({ builder, workers }: Engine): Promise<Entry[]> {
  const stores = [
    { store: builder.cacheMounts, Type: "exec.cachemount", Description: "cache mount" },
    { store: builder.contexts, Type: "source.local", Description: "local source" },
  ];
  const folders = stores.flatMap((kind) => kind.store.list().map((name) => ({ ...kind, name })));
  return Promise.all(
    folders.map(async ({ store, Type, Description, name }) => {
      const path = join(store.folder, name);
      const { birthtime, mtimeMs } = statSync(path);
      const record = {
        ID: name,
        Type,
        Description,
        InUse: store.isUsed(name),
        Shared: false,
        Size: await workers.run("diskUsage", { path }),
        CreatedAt: birthtime.toISOString(),
        LastUsedAt: new Date(mtimeMs).toISOString(),
        UsageCount: 1,
      };
      return { record, used: mtimeMs, diffId: undefined };
    }),
  );
}

/** Bytes of what is not an image's, each layer once. */
function exclusiveBytes(entries: readonly Entry[]): number {
  const seen = new Set<string>();
  let sum = 0;
  for (const { record, diffId } of entries) {
    if (record.Shared || (diffId !== undefined && seen.has(diffId))) continue;
    if (diffId !== undefined) seen.add(diffId);
    sum += record.Size;
  }
  return sum;
}

/** Bytes below `layers` and `blobs` that belong to the cache alone. */
export async function cacheLayerBytes(engine: Engine): Promise<number> {
  return exclusiveBytes(await layerEntries(engine));
}

/** The part of `docker system df` that is about builds. */
export async function buildCacheUsage(engine: Engine) {
  const entries = [...(await layerEntries(engine)), ...(await folderEntries(engine))];
  const Items = entries.map(({ record }) => record);
  const total = exclusiveBytes(entries);
  const busy = entries.filter(({ record }) => record.InUse);
  return {
    BuildCache: Items,
    BuilderSize: total,
    BuildCacheUsage: {
      ActiveCount: busy.length,
      TotalCount: Items.length,
      Reclaimable: total - exclusiveBytes(busy),
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
  const entries = [...(await layerEntries(engine)), ...(await folderEntries(engine))];
  entries.sort((one, other) => one.used - other.used);
  let left = exclusiveBytes(entries);
  const going = entries.filter(({ record, used }) => {
    if (record.InUse || (record.Shared && !all) || !matches(filters, record)) return false;
    if ((limit !== undefined && used > limit) || (keep > 0 && left <= keep)) return false;
    left -= record.Shared ? 0 : record.Size;
    return true;
  });
  const folders = going.filter(({ diffId }) => diffId === undefined);
  for (const { record } of going) {
    if (record.Type === "exec.cachemount") engine.builder.cacheMounts.discard(record.ID);
    else if (record.Type === "source.local") engine.builder.contexts.discard(record.ID);
    else engine.builder.cache.delete(record.ID);
  }
  const { reclaimed } = await engine.images.collect();
  const SpaceReclaimed = reclaimed + folders.reduce((sum, { record }) => sum + record.Size, 0);
  pruned(engine.events, "builder", SpaceReclaimed);
  return { CachesDeleted: going.length > 0 ? going.map(({ record }) => record.ID) : null, SpaceReclaimed };
}

/** `unused-for` is what older clients call `until`. */
function renamed(filters: Filters): Filters {
  const values = filters.get("unused-for");
  return values.length === 0 ? filters : new Filters([["until", values]]);
}

function matches(filters: Filters, { ID, Type, Description }: BuildCache): boolean {
  return filters.exact("id", ID) && filters.exact("type", Type) && filters.exact("description", Description);
}
