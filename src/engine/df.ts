import type { SystemDataUsage } from "../api/system.ts";
import { Filters } from "../base/filters.ts";
import { isRunning } from "../containers/container.ts";
import { containerSummary, listContainers } from "../containers/list.ts";
import { addSizes } from "../containers/size.ts";
import { volumeSummary } from "../volumes/volume.ts";
import type { Engine } from "./engine.ts";
import { imageSummaries } from "./image-list.ts";

/** `GET /system/df`; `types` empty asks for everything. `sums`: API 1.52's form, `lists`: that of the versions before. */
export async function diskUsage(engine: Engine, types: readonly string[]): Promise<SystemDataUsage> {
  const wants = (type: string) => types.length === 0 || types.includes(type);
  return {
    ...(wants("image") ? imageUsage(engine) : {}),
    ...(wants("container") ? await containerUsage(engine) : {}),
    ...(wants("volume") ? await volumeUsage(engine) : {}),
    ...(wants("build-cache") ? noBuildCache : {}),
  };
}

const noBuildCache = {
  BuildCache: [],
  BuildCacheUsage: { ActiveCount: 0, TotalCount: 0, Reclaimable: 0, TotalSize: 0, Items: [] },
};

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

function imageUsage(engine: Engine) {
  const { images, layers, blobs, containers } = engine;
  const Items = imageSummaries(engine, {
    all: true,
    filters: new Filters(),
    sharedSize: true,
    manifests: false,
  });
  const used = new Set<string>(containers.set.all().map(({ spec }) => spec.imageId));
  const unused = Items.filter((item) => !used.has(item.Id));
  // Blobs and layers that images share are there once.
  const total =
    sum(layers.list().map((layer) => layers.size(layer))) + sum(blobs.list().map(({ size }) => size));
  return {
    LayersSize: total,
    Images: Items,
    ImageUsage: {
      ActiveCount: images.list().filter(({ id }) => used.has(id)).length,
      TotalCount: Items.length,
      Reclaimable: Math.min(total, sum(unused.map((item) => item.Size - item.SharedSize))),
      TotalSize: total,
      Items,
    },
  };
}

async function containerUsage(engine: Engine) {
  const deps = engine.containers;
  const all = listContainers(deps, { all: true, filters: new Filters() });
  const Items = await Promise.all(
    all.map((container) => addSizes(deps, container, containerSummary(deps, container), true)),
  );
  const running = new Set(all.filter(isRunning).map(({ id }) => id));
  const idle = Items.filter((item) => !running.has(item.Id));
  return {
    Containers: Items,
    ContainerUsage: {
      ActiveCount: running.size,
      TotalCount: Items.length,
      Reclaimable: sum(idle.map((item) => item.SizeRw ?? 0)),
      TotalSize: sum(Items.map((item) => item.SizeRw ?? 0)),
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
      TotalSize: sum(usage.map(({ size }) => Math.max(size, 0))),
      Items,
    },
  };
}
