import { versionAtLeast } from "../../../api/version.ts";
import { invalidArgument } from "../../../base/errors.ts";
import { humanSize } from "../../../base/units.ts";
import { command, noArguments } from "../../command.ts";
import { confirm } from "../../confirm.ts";
import { flag } from "../../flags.ts";
import { pruneVolumes } from "../../prune.ts";
import { pruneFilters, pruneFlags } from "../../prune-flags.ts";

const flags = {
  ...pruneFlags,
  all: flag.bool("Remove named volumes that no container uses, too", { short: "a", since: "1.42" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    const client = await cli.client();
    // Before API 1.42 a prune took named volumes too.
    const named = flags.all || !versionAtLeast(await client.negotiate(), "1.42");
    if (flags.all && flags.filter.all !== undefined) {
      throw invalidArgument("conflicting options: cannot specify both --all and --filter all=1");
    }
    const which = named ? "all" : "anonymous";
    const question = `WARNING! This will remove ${which} local volumes not used by at least one container.\nAre you sure you want to continue?`;
    if (!flags.force && !confirm(cli, question)) return 0;
    const filters = pruneFilters(cli.config.pruneFilters, flags.filter);
    const { lines, bytes } = await pruneVolumes(client, flags.all ? { ...filters, all: ["true"] } : filters);
    for (const line of lines) cli.print(line);
    cli.print(`Total reclaimed space: ${humanSize(bytes)}`);
    return 0;
  },
});
