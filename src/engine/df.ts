import { statSync } from "node:fs";
import { join } from "node:path";
import type { SystemDataUsage } from "../api/system.ts";
import { Filters } from "../base/filters.ts";
import { isRunning } from "../containers/container.ts";
import { containerSummaries, listContainers } from "../containers/list.ts";
import { addSizes } from "../containers/size.ts";
import { volumeSummary } from "../volumes/volume.ts";
import { buildCacheUsage, cacheLayerBytes } from "./build-cache.ts";
import type { Engine } from "./engine.ts";
import { imageSummaries } from "./image-list.ts";

/** `GET /system/df`; `types` empty asks for everything. `sums`: API 1.52's form, `lists`: that of the versions before. */
export async function diskUsage(engine: Engine, types: readonly string[]): Promise<SystemDataUsage> {
  const wants = (type: string) => types.length === 0 || types.includes(type);
  return {
    ...(wants("image") ? await imageUsage(engine) : {}),
    ...(wants("container") ? await containerUsage(engine) : {}),
    ...(wants("volume") ? await volumeUsage(engine) : {}),
    ...(wants("build-cache") ? await buildCacheUsage(engine) : {}),
  };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** What a folder of the data root takes on the disk. */
const below = (engine: Engine, name: string) =>
  engine.workers.run("diskUsage", { path: join(engine.settings.dataRoot, name) });

/**
 * What images take on the disk, as `du` counts it, with what is on its way and what is being deleted, and without what
 * only the build cache has: the sum of all kinds is what the data root takes, but for the database.
 */
async function imageTotal(engine: Engine): Promise<number> {
  const { layers } = engine;
  // The layers one by one: what has been counted once is known, since they do not change.
  const folder = statSync(join(engine.settings.dataRoot, "layers")).blocks * 512;
  const sizes = await Promise.all([
    ...layers.list().map((layer) => layers.diskBytes(layer)),
    ...["blobs", "ingest", "trash"].map((name) => below(engine, name)),
  ]);
  return folder + sum(sizes) - (await cacheLayerBytes(engine));
}

async function imageReclaimable({ images, layers, blobs }: Engine): Promise<number> {
  const unused = images.reclaimable();
  const sizes = await Promise.all(unused.layers.map((layer) => layers.diskBytes(layer)));
  return sum([...sizes, ...unused.blobs.map(({ digest }) => statSync(blobs.path(digest)).blocks * 512)]);
}

async function imageUsage(engine: Engine) {
  const { images, containers } = engine;
  const Items = imageSummaries(engine, {
    all: true,
    filters: new Filters(),
    sharedSize: true,
    manifests: false,
  });
  const used = new Set<string>(containers.set.all().map(({ spec }) => spec.imageId));
  const total = await imageTotal(engine);
  return {
    LayersSize: total,
    Images: Items,
    ImageUsage: {
      ActiveCount: images.list().filter(({ id }) => used.has(id)).length,
      TotalCount: Items.length,
      Reclaimable: await imageReclaimable(engine),
      TotalSize: total,
      Items,
    },
  };
}

async function containerUsage(engine: Engine) {
  const deps = engine.containers;
  const all = listContainers(deps, { all: true, filters: new Filters() });
  const Items = await Promise.all(
    containerSummaries(deps, all).map(({ container, summary }) => addSizes(deps, container, summary, true)),
  );
  const running = new Set(all.filter(isRunning).map(({ id }) => id));
  const idle = Items.filter((item) => !running.has(item.Id));
  return {
    Containers: Items,
    ContainerUsage: {
      ActiveCount: running.size,
      TotalCount: Items.length,
      Reclaimable: sum(idle.map((item) => item.SizeRw ?? 0)),
      TotalSize: Items.length === 0 ? 0 : await below(engine, "containers"),
      Items,
    },
  };
}

async function volumeUsage(engine: Engine) {
  const usage = await engine.volumes.usage();
  const Items = usage.map(({ volume, facts, size, refCount }) => ({
    ...volumeSummary(volume, facts),
    UsageData: { RefCount: refCount, Size: size },
  }));
  return {
    Volumes: Items,
    VolumeUsage: {
      ActiveCount: usage.filter(({ refCount }) => refCount > 0).length,
      TotalCount: usage.length,
      Reclaimable: sum(usage.filter(({ refCount }) => refCount === 0).map(({ size }) => Math.max(size, 0))),
      TotalSize: Items.length === 0 ? 0 : await below(engine, "volumes"),
      Items,
    },
  };
}
