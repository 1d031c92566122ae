import type { Volume } from "../../api/volumes.ts";
import { humanSize } from "../../base/units.ts";
import type { RowKind } from "../format/rows.ts";

const labels = (of: Readonly<Record<string, string>> | null) =>
  Object.entries(of ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(",");

/** What `docker volume ls --format` can show. */
export const volumeRows: RowKind<Volume> = {
  type: "formatter.volumeContext",
  headers: {
    Name: "VOLUME NAME",
    Driver: "DRIVER",
    Scope: "SCOPE",
    Availability: "AVAILABILITY",
    Mountpoint: "MOUNTPOINT",
    Labels: "LABELS",
    Links: "LINKS",
    Size: "SIZE",
    Group: "GROUP",
    Status: "STATUS",
  },
  columns: {
    Name: (row) => row.Name,
    Driver: (row) => row.Driver,
    Scope: (row) => row.Scope,
    Mountpoint: (row) => row.Mountpoint,
    Labels: (row) => labels(row.Labels),
    Label: { ofText: (row, name) => row.Labels?.[name] ?? "" },
    Links: (row) => (row.UsageData ? String(row.UsageData.RefCount) : "N/A"),
    Size: (row) => (row.UsageData ? humanSize(row.UsageData.Size) : "N/A"),
    // These belong to volumes of a cluster.
    Availability: () => "N/A",
    Group: () => "N/A",
    Status: () => "N/A",
  },
};
