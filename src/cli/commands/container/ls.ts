import type { ContainerSummary } from "../../../api/containers.ts";
import { command, noArguments } from "../../command.ts";
import { containerRows, containerTable } from "../../container/rows.ts";
import { filterFlag, listFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { checkFormat, formatRows } from "../../format/rows.ts";

const flags = {
  all: flag.bool("Show all containers, not only those that run", { short: "a" }),
  filter: filterFlag("Show only those that fit"),
  format: listFormatFlag,
  last: flag.int("Show the containers made last, so many of them, running or not", {
    short: "n",
    initial: -1,
  }),
  latest: flag.bool("Show the container made last, running or not", { short: "l" }),
  "no-trunc": flag.bool("Show everything in full"),
  quiet: flag.bool("Show IDs only", { short: "q" }),
  size: flag.bool("Show how much disk containers use", { short: "s" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags, changed }) => {
    const kind = containerRows(!flags["no-trunc"]);
    if (flags.quiet && flags.format !== "") {
      cli.printError("WARNING: Ignoring custom format, because both --format and --quiet are set.");
    }
    const custom = flags.format || (flags.quiet ? "" : (cli.config.psFormat ?? ""));
    // A template that shows sizes needs them; they are costly, so nobody else gets them.
    const used = custom === "" ? new Set<string>() : checkFormat(kind, custom);
    const size = flags.size || (!changed("size") && !flags.quiet && used.has("Size"));
    const limit = flags.latest ? 1 : flags.last;
    const containers: ContainerSummary[] = await (await cli.client()).call("ContainerList", {
      query: {
        all: flags.all,
        limit: limit > 0 ? limit : undefined,
        size,
        filters: flags.filter,
      },
    });
    const standard = flags.quiet || custom === "" || custom === "table";
    cli.out.write(formatRows(kind, containers, standard ? containerTable(flags.quiet, size) : custom));
    return 0;
  },
});
