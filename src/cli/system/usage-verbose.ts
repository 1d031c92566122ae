import type { BuildCache, SystemDataUsage } from "../../api/system.ts";
import { humanDuration, humanSize } from "../../base/units.ts";
import { containerRows } from "../container/rows.ts";
import { formatRows, type RowKind } from "../format/rows.ts";
import { imageRows, imageRowsOf } from "../image/rows.ts";
import { volumeRows } from "../volume/rows.ts";
import { usageLists, usageRows } from "./usage.ts";

const ago = (time: string | null) => (time ? `${humanDuration(Date.now() - Date.parse(time))} ago` : "");
const short = (id: string) => id.slice(0, 12);

const cacheRows: RowKind<BuildCache> = {
  type: "formatter.buildCacheContext",
  headers: {
    ID: "CACHE ID",
    Parent: "PARENT",
    CacheType: "CACHE TYPE",
    Size: "SIZE",
    CreatedSince: "CREATED",
    LastUsedSince: "LAST USED",
    UsageCount: "USAGE",
    Shared: "SHARED",
    Description: "DESCRIPTION",
    InUse: "IN USE",
  },
  columns: {
    ID: ({ ID, InUse }) => short(ID) + (InUse ? "*" : ""),
    Parent: ({ Parents }) => (Parents ?? []).map(short).join(", "),
    CacheType: ({ Type }) => Type,
    Size: ({ Size }) => humanSize(Size, 3),
    CreatedSince: ({ CreatedAt }) => ago(CreatedAt),
    LastUsedSince: ({ LastUsedAt }) => ago(LastUsedAt),
    UsageCount: ({ UsageCount }) => String(UsageCount),
    Shared: ({ Shared }) => String(Shared),
    Description: ({ Description }) => Description,
    InUse: ({ InUse }) => String(InUse),
  },
};

const table = (...columns: string[]) => `table ${columns.map((column) => `{{.${column}}}`).join("\t")}`;

/** The text of `docker system df -v`. */
export function verboseText(usage: SystemDataUsage): string {
  const { images, containers, volumes, cache } = usageLists(usage);
  const cacheSize = usageRows(usage).find(({ go }) => go === "Builder")?.size ?? 0;
  const imageColumns = table(
    "Repository",
    "Tag",
    "ID",
    "CreatedSince",
    "Size",
    "SharedSize",
    "UniqueSize",
    "Containers",
  );
  const containerColumns = table(
    "ID",
    "Image",
    "Command",
    "LocalVolumes",
    "Size",
    "RunningFor",
    "Status",
    "Names",
  );
  const cacheColumns = table(
    "ID",
    "CacheType",
    "Size",
    "CreatedSince",
    "LastUsedSince",
    "UsageCount",
    "Shared",
  );
  return [
    "Images space usage:\n\n",
    formatRows(imageRows(true), imageRowsOf(images, false), imageColumns),
    "\nContainers space usage:\n\n",
    formatRows(containerRows(true), containers, containerColumns),
    "\nLocal Volumes space usage:\n\n",
    formatRows(volumeRows, volumes, table("Name", "Links", "Size")),
    `\nBuild cache usage: ${humanSize(cacheSize)}\n\n`,
    formatRows(cacheRows, cache, cacheColumns),
  ].join("");
}
