import type { ContainerSummary } from "../../api/containers.ts";
import { shortId } from "../../base/ids.ts";
import { humanDuration, humanSize } from "../../base/units.ts";
import { quote } from "../../gotemplate/quote.ts";
import { pointerTo } from "../../gotemplate/types.ts";
import { familiarName, parseReference } from "../../oci/reference.ts";
import { ellipsis } from "../format/ellipsis.ts";
import { localTime } from "../format/local-time.ts";
import type { RowKind } from "../format/rows.ts";
import { portsText } from "./ports-text.ts";

function names(container: ContainerSummary, truncate: boolean): string {
  const all = container.Names.map((name) => name.replace(/^\//, ""));
  // Names with a slash are links from other containers.
  const own = truncate ? all.find((name) => !name.includes("/")) : undefined;
  return own ?? all.join(",");
}

function image(container: ContainerSummary, truncate: boolean): string {
  const { Image, ImageID } = container;
  if (Image === "") return "<no image>";
  if (!truncate) return Image;
  const id = shortId(ImageID);
  if (id === shortId(Image)) return id;
  try {
    const reference = parseReference(Image);
    const name = familiarName(reference);
    return reference.tag === undefined ? name : `${name}:${reference.tag}`;
  } catch {
    // An ID, or a name of old: shown as it is.
    return Image;
  }
}

function size({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  const own = humanSize(SizeRw, 3);
  return SizeRootFs > 0 ? `${own} (virtual ${humanSize(SizeRootFs, 3)})` : own;
}

const platformType = pointerTo({
  kind: "struct",
  name: "formatter.Platform",
  fields: [],
  json: () => "null",
});

/** What `docker ps --format` can show. `truncate` is the lack of `--no-trunc`. */
export function containerRows(truncate: boolean): RowKind<ContainerSummary> {
  // Many containers have the same image.
  const images = new Map<string, string>();
  const imageOnce = (row: ContainerSummary) => {
    const key = `${row.Image} ${row.ImageID}`;
    const shown = images.get(key) ?? image(row, truncate);
    images.set(key, shown);
    return shown;
  };
  return {
    type: "formatter.ContainerContext",
    headers: {
      ID: "CONTAINER ID",
      Names: "NAMES",
      Image: "IMAGE",
      Command: "COMMAND",
      CreatedAt: "CREATED AT",
      RunningFor: "CREATED",
      Ports: "PORTS",
      State: "STATE",
      Status: "STATUS",
      Size: "SIZE",
      Labels: "LABELS",
      Mounts: "MOUNTS",
      LocalVolumes: "LOCAL VOLUMES",
      Networks: "NETWORKS",
      Platform: "PLATFORM",
    },
    columns: {
      ID: (row) => (truncate ? shortId(row.Id) : row.Id),
      Names: (row) => names(row, truncate),
      Image: imageOnce,
      Command: (row) => quote(truncate ? ellipsis(row.Command, 20) : row.Command),
      CreatedAt: (row) => localTime(row.Created),
      RunningFor: (row) => `${humanDuration(Date.now() - row.Created * 1000)} ago`,
      Ports: (row) => portsText(row.Ports),
      State: (row) => row.State,
      Status: (row) => row.Status,
      Size: size,
      Labels: (row) =>
        Object.entries(row.Labels ?? {})
          .map(([key, value]) => `${key}=${value}`)
          .join(","),
      Label: { ofText: (row, name) => row.Labels?.[name] ?? "" },
      Mounts: (row) =>
        row.Mounts.map(({ Name, Source }) => {
          const shown = Name || Source;
          return truncate ? ellipsis(shown, 15) : shown;
        }).join(","),
      LocalVolumes: (row) => String(row.Mounts.filter(({ Driver }) => Driver === "local").length),
      Networks: (row) => Object.keys(row.NetworkSettings?.Networks ?? {}).join(","),
      Platform: () => ({ type: platformType, raw: null }),
    },
  };
}

/** The template of `docker ps` without `--format`. */
export function containerTable(quiet: boolean, size: boolean): string {
  if (quiet) return "{{.ID}}";
  const columns = [
    "ID",
    "Image",
    "Command",
    "RunningFor",
    "Status",
    "Ports",
    "Names",
    ...(size ? ["Size"] : []),
  ];
  return `table ${columns.map((name) => `{{.${name}}}`).join("\t")}`;
}
