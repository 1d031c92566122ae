import type { ImageHistoryResponseItem } from "../../../api/images.ts";
import { shortId } from "../../../base/ids.ts";
import { humanDuration, humanSize } from "../../../base/units.ts";
import { command, exactly } from "../../command.ts";
import { listFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { ellipsis } from "../../format/ellipsis.ts";
import { localRfc3339 } from "../../format/local-time.ts";
import { formatRows, type RowKind } from "../../format/rows.ts";
import { platformJson } from "../../image/platform.ts";

const flags = {
  format: listFormatFlag,
  human: flag.bool("Show sizes and times in words", { short: "H", initial: true }),
  "no-trunc": flag.bool("Show everything in full"),
  platform: flag.string('Platform to show, where the image has several ("os[/arch[/variant]]")', {
    since: "1.48",
  }),
  quiet: flag.bool("Show IDs only", { short: "q" }),
};

function rows(truncate: boolean, human: boolean): RowKind<ImageHistoryResponseItem> {
  return {
    type: "image.historyContext",
    headers: {
      ID: "IMAGE",
      CreatedSince: "CREATED",
      CreatedAt: "CREATED AT",
      CreatedBy: "CREATED BY",
      Size: "SIZE",
      Comment: "COMMENT",
    },
    columns: {
      ID: (row) => (truncate ? shortId(row.Id) : row.Id),
      CreatedAt: (row) => (row.Created <= 0 ? "" : localRfc3339(row.Created)),
      CreatedSince: (row) => {
        if (!human) return row.Created <= 0 ? "" : localRfc3339(row.Created);
        return row.Created <= 0 ? "N/A" : `${humanDuration(Date.now() - row.Created * 1000)} ago`;
      },
      CreatedBy: (row) => {
        const by = row.CreatedBy.replaceAll("\t", " ");
        return truncate ? ellipsis(by, 45) : by;
      },
      Size: (row) => (human ? humanSize(row.Size, 3) : String(row.Size)),
      Comment: (row) => row.Comment,
    },
  };
}

function template(format: string, quiet: boolean, human: boolean): string {
  if (format !== "" && format !== "table") return format;
  if (quiet) return "{{.ID}}";
  return `table {{.ID}}\t${human ? "{{.CreatedSince}}" : "{{.CreatedAt}}"}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
}

export default command<typeof flags>({
  usage: "[OPTIONS] IMAGE",
  args: exactly(1),
  flags,
  run: async (cli, { args, flags }) => {
    const history = await (await cli.client()).call("ImageHistory", {
      params: { name: args[0] ?? "" },
      query: { platform: platformJson(flags.platform) || undefined },
    });
    const format = template(flags.format, flags.quiet, flags.human);
    cli.out.write(formatRows(rows(!flags["no-trunc"], flags.human), history, format));
    return 0;
  },
});
