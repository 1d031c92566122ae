import { command, noArguments } from "../../command.ts";
import { filterFlag, listFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { formatRows } from "../../format/rows.ts";
import { volumeRows } from "../../volume/rows.ts";

const flags = {
  cluster: flag.bool("Show volumes of the cluster only", { since: "1.42" }),
  filter: filterFlag("Show only those that fit (as 'dangling=true')"),
  format: listFormatFlag,
  quiet: flag.bool("Show names only", { short: "q" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    const { Volumes } = await (await cli.client()).call("VolumeList", { query: { filters: flags.filter } });
    const sorted = [...(Volumes ?? [])].sort((a, b) => a.Name.localeCompare(b.Name, "en", { numeric: true }));
    const custom = flags.format || (flags.quiet ? "" : (cli.config.volumesFormat ?? ""));
    const standard = flags.quiet ? "{{.Name}}" : "table {{.Driver}}\t{{.Name}}";
    const format = custom === "" || custom === "table" ? standard : custom;
    cli.out.write(formatRows(volumeRows, sorted, format));
    return 0;
  },
});
