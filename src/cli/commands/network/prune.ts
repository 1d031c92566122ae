import { command, noArguments } from "../../command.ts";
import { confirm } from "../../confirm.ts";
import { pruneNetworks } from "../../prune.ts";
import { pruneFilters, pruneFlags } from "../../prune-flags.ts";

export default command<typeof pruneFlags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: pruneFlags,
  run: async (cli, { flags }) => {
    const question =
      "WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?";
    if (!flags.force && !confirm(cli, question)) return 0;
    const filters = pruneFilters(cli.config.pruneFilters, flags.filter);
    const { lines } = await pruneNetworks(await cli.client(), filters);
    for (const line of lines) cli.print(line);
    return 0;
  },
});
