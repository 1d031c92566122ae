import type { ContainerSummary } from "../../api/containers.ts";
import type { ImageSummary } from "../../api/images.ts";
import type { BuildCache, SystemDataUsage } from "../../api/system.ts";
import type { Volume } from "../../api/volumes.ts";
import { humanSize } from "../../base/units.ts";
import type { RowKind } from "../format/rows.ts";

/** One line of `docker system df`. Bytes. */
export interface UsageRow {
  readonly go: string;
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
  /** Whether the share of what can be freed is shown; build caches show none. */
  readonly share: boolean;
}

/** The lists of `docker system df -v`, from daemons of any version. */
export interface UsageLists {
  readonly images: readonly ImageSummary[];
  readonly containers: readonly ContainerSummary[];
  readonly volumes: readonly Volume[];
  readonly cache: readonly BuildCache[];
}

/** Daemons from API 1.52 on have the lists inside the sums. */
export function usageLists(usage: SystemDataUsage): UsageLists {
  return {
    images: usage.Images ?? usage.ImageUsage?.Items ?? [],
    containers: usage.Containers ?? usage.ContainerUsage?.Items ?? [],
    volumes: usage.Volumes ?? usage.VolumeUsage?.Items ?? [],
    cache: usage.BuildCache ?? usage.BuildCacheUsage?.Items ?? [],
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const known = (size: number) => (size === -1 ? 0 : size);
const isActive = ({ State }: ContainerSummary) => ["running", "paused", "restarting"].includes(State);

function imageUsage(usage: SystemDataUsage, lists: UsageLists): Omit<UsageRow, "go" | "type" | "share"> {
  const size = usage.LayersSize ?? 0;
  const used = lists.images.filter((image) => image.Containers !== 0 && image.SharedSize !== -1);
  return {
    total: lists.images.length,
    active: lists.images.filter((image) => image.Containers > 0).length,
    size,
    reclaimable: size - sum(used.map((image) => image.Size - image.SharedSize)),
  };
}

type Sums = NonNullable<SystemDataUsage["ImageUsage"]>;
const fromSums = (sums: Pick<Sums, "TotalCount" | "ActiveCount" | "TotalSize" | "Reclaimable">) => ({
  total: sums.TotalCount,
  active: sums.ActiveCount,
  size: sums.TotalSize,
  reclaimable: sums.Reclaimable,
});

function containerUsage({ containers }: UsageLists) {
  return {
    total: containers.length,
    active: containers.filter(isActive).length,
    size: sum(containers.map(({ SizeRw = 0 }) => SizeRw)),
    reclaimable: sum(containers.filter((one) => !isActive(one)).map(({ SizeRw = 0 }) => SizeRw)),
  };
}

function volumeUsage({ volumes }: UsageLists) {
  const sizes = (some: readonly Volume[]) => sum(some.map(({ UsageData }) => known(UsageData?.Size ?? 0)));
  return {
    total: volumes.length,
    active: volumes.filter(({ UsageData }) => (UsageData?.RefCount ?? 0) > 0).length,
    size: sizes(volumes),
    reclaimable: sizes(volumes.filter(({ UsageData }) => UsageData?.RefCount === 0)),
  };
}

function cacheUsage(usage: SystemDataUsage, { cache }: UsageLists) {
  const sizes = (some: readonly BuildCache[]) =>
    sum(some.filter(({ Shared }) => !Shared).map(({ Size }) => Size));
  const size = usage.BuilderSize || sizes(cache);
  return {
    total: cache.length,
    active: cache.filter(({ InUse }) => InUse).length,
    size,
    reclaimable: size - sizes(cache.filter(({ InUse }) => InUse)),
  };
}

/** The four lines of `docker system df`. */
export function usageRows(usage: SystemDataUsage): UsageRow[] {
  const lists = usageLists(usage);
  const { ImageUsage, ContainerUsage, VolumeUsage, BuildCacheUsage } = usage;
  const images = ImageUsage ? fromSums(ImageUsage) : imageUsage(usage, lists);
  const containers = ContainerUsage ? fromSums(ContainerUsage) : containerUsage(lists);
  const volumes = VolumeUsage ? fromSums(VolumeUsage) : volumeUsage(lists);
  const cache = BuildCacheUsage ? fromSums(BuildCacheUsage) : cacheUsage(usage, lists);
  return [
    { ...images, go: "Images", type: "Images", share: true },
    { ...containers, go: "Containers", type: "Containers", share: true },
    { ...volumes, go: "Volumes", type: "Local Volumes", share: true },
    { ...cache, go: "Builder", type: "Build Cache", share: false },
  ];
}

/** What `docker system df --format` can show; error texts name the Go type of the line. */
export function usageKind(row: UsageRow): RowKind<UsageRow> {
  return {
    type: `formatter.diskUsage${row.go}Context`,
    headers: {
      Type: "TYPE",
      TotalCount: "TOTAL",
      Active: "ACTIVE",
      Size: "SIZE",
      Reclaimable: "RECLAIMABLE",
    },
    columns: {
      Type: ({ type }) => type,
      TotalCount: ({ total }) => String(total),
      Active: ({ active }) => String(active),
      Size: ({ size }) => humanSize(size),
      Reclaimable: ({ size, reclaimable, share }) => {
        const percent = share && size > 0 ? ` (${Math.trunc((reclaimable * 100) / size)}%)` : "";
        return humanSize(reclaimable) + percent;
      },
    },
  };
}
