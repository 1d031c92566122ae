import type { NetworkSummary } from "../../../api/networks.ts";
import { shortId } from "../../../base/ids.ts";
import { timeText } from "../../../gotemplate/declarations.ts";
import { command, noArguments } from "../../command.ts";
import { filterFlag, listFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { formatRows, type RowKind } from "../../format/rows.ts";

const flags = {
  filter: filterFlag("Show only those that fit (as 'driver=bridge')"),
  format: listFormatFlag,
  "no-trunc": flag.bool("Show everything in full"),
  quiet: flag.bool("Show IDs only", { short: "q" }),
};

const rows = (truncate: boolean): RowKind<NetworkSummary> => ({
  type: "network.networkContext",
  headers: {
    ID: "NETWORK ID",
    Name: "NAME",
    Driver: "DRIVER",
    Scope: "SCOPE",
    IPv4: "IPV4",
    IPv6: "IPV6",
    Internal: "INTERNAL",
    Labels: "LABELS",
    CreatedAt: "CREATED AT",
  },
  columns: {
    ID: (row) => (truncate ? shortId(row.Id) : row.Id),
    Name: (row) => row.Name,
    Driver: (row) => row.Driver,
    Scope: (row) => row.Scope,
    IPv4: (row) => String(row.EnableIPv4),
    IPv6: (row) => String(row.EnableIPv6),
    Internal: (row) => String(row.Internal),
    Labels: (row) =>
      Object.entries(row.Labels ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .join(","),
    Label: { ofText: (row, name) => row.Labels?.[name] ?? "" },
    CreatedAt: (row) => timeText(row.Created),
  },
});

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    const networks = await (await cli.client()).call("NetworkList", { query: { filters: flags.filter } });
    const sorted = [...networks].sort((a, b) => a.Name.localeCompare(b.Name, "en", { numeric: true }));
    const custom = flags.format || (flags.quiet ? "" : (cli.config.networksFormat ?? ""));
    const standard = flags.quiet ? "{{.ID}}" : "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";
    const format = custom === "" || custom === "table" ? standard : custom;
    cli.out.write(formatRows(rows(!flags["no-trunc"]), sorted, format));
    return 0;
  },
});
