import { humanSize } from "../../../base/units.ts";
import { command, noArguments } from "../../command.ts";
import { confirm } from "../../confirm.ts";
import { pruneContainers } from "../../prune.ts";
import { pruneFilters, pruneFlags } from "../../prune-flags.ts";

export default command<typeof pruneFlags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: pruneFlags,
  run: async (cli, { flags }) => {
    const question = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?";
    if (!flags.force && !confirm(cli, question)) return 0;
    const filters = pruneFilters(cli.config.pruneFilters, flags.filter);
    const { lines, bytes } = await pruneContainers(await cli.client(), filters);
    for (const line of lines) cli.print(line);
    cli.print(`Total reclaimed space: ${humanSize(bytes)}`);
    return 0;
  },
});
