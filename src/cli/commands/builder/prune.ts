import { humanSize } from "../../../base/units.ts";
import { command, noArguments } from "../../command.ts";
import { confirm } from "../../confirm.ts";
import { bytesFlag } from "../../container/flag-types.ts";
import { flag } from "../../flags.ts";
import { pruneBuildCache } from "../../prune.ts";
import { pruneFilters, pruneFlags } from "../../prune-flags.ts";

const flags = {
  ...pruneFlags,
  all: flag.bool("Remove all of the cache, not only what no image has", { short: "a" }),
  "keep-storage": bytesFlag("Amount of the cache that stays"),
};

export default command<typeof flags>({
  usage: "",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    const what = flags.all ? "all build cache" : "all dangling build cache";
    if (
      !flags.force &&
      !confirm(cli, `WARNING! This will remove ${what}. Are you sure you want to continue?`)
    )
      return 0;
    const filters = pruneFilters(cli.config.pruneFilters, flags.filter);
    const { lines, bytes } = await pruneBuildCache(
      await cli.client(),
      filters,
      flags.all,
      flags["keep-storage"],
    );
    for (const line of lines) cli.print(line);
    cli.print(`Total reclaimed space: ${humanSize(bytes)}`);
    return 0;
  },
});
