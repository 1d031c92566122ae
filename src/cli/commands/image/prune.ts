import { humanSize } from "../../../base/units.ts";
import { command, noArguments } from "../../command.ts";
import { confirm } from "../../confirm.ts";
import { flag } from "../../flags.ts";
import { pruneImages } from "../../prune.ts";
import { pruneFilters, pruneFlags } from "../../prune-flags.ts";

const flags = { ...pruneFlags, all: flag.bool("Remove all images that no container uses", { short: "a" }) };

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    const what = flags.all ? "images without at least one container associated to them" : "dangling images";
    const question = `WARNING! This will remove all ${what}.\nAre you sure you want to continue?`;
    if (!flags.force && !confirm(cli, question)) return 0;
    const filters = pruneFilters(cli.config.pruneFilters, flags.filter);
    const { lines, bytes } = await pruneImages(await cli.client(), filters, flags.all);
    for (const line of lines) cli.print(line);
    cli.print(`Total reclaimed space: ${humanSize(bytes)}`);
    return 0;
  },
});
