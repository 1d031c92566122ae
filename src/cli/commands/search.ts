import type { ImageSearchResult } from "../../api/images.ts";
import { command, exactly } from "../command.ts";
import { filterFlag, listFormatFlag } from "../filter-flag.ts";
import { flag } from "../flags.ts";
import { ellipsis } from "../format/ellipsis.ts";
import { formatRows, type RowKind } from "../format/rows.ts";
import { hubServer, optionalAuth } from "../registry-auth.ts";

const flags = {
  filter: filterFlag("Show only those that fit (as 'stars=3')"),
  format: listFormatFlag,
  limit: flag.int("The most results to show"),
  "no-trunc": flag.bool("Show descriptions in full"),
};

/** Columns that a description gets in a table. */
const descriptionWidth = 45;

const rows = (truncate: boolean): RowKind<ImageSearchResult> => ({
  type: "registry.searchContext",
  headers: {
    Name: "NAME",
    Description: "DESCRIPTION",
    StarCount: "STARS",
    IsOfficial: "OFFICIAL",
    IsAutomated: "AUTOMATED",
  },
  columns: {
    Name: (row) => row.name,
    Description: (row) => {
      const text = row.description.replace(/[\r\n]/g, " ");
      return truncate ? ellipsis(text, descriptionWidth) : text;
    },
    StarCount: (row) => String(row.star_count),
    IsOfficial: (row) => (row.is_official ? "[OK]" : ""),
    IsAutomated: (row) => (row.is_automated ? "[OK]" : ""),
  },
});

/** The registry that a term names, as its credentials are kept. */
function serverOfTerm(term: string): string {
  const host = term.split("/", 1)[0] ?? "";
  const isHost = term.includes("/") && (/[.:]/.test(host) || host === "localhost");
  return isHost && !/^(index\.)?docker\.io$/.test(host) ? host : hubServer;
}

export default command<typeof flags>({
  usage: "[OPTIONS] TERM",
  args: exactly(1),
  flags,
  run: async (cli, { args, flags }) => {
    const term = args[0] ?? "";
    const found = await (await cli.client()).call("ImageSearch", {
      query: { term, limit: flags.limit || undefined, filters: flags.filter },
      registryAuth: optionalAuth(cli.config, serverOfTerm(term)),
    });
    const standard = "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}";
    const format = flags.format === "" || flags.format === "table" ? standard : flags.format;
    cli.out.write(formatRows(rows(!flags["no-trunc"]), found, format));
    return 0;
  },
});
