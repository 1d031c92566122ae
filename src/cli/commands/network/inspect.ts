import { atLeast, command } from "../../command.ts";
import { valueFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { inspectAll } from "../../inspect.ts";
import { getNetwork } from "../../network/get.ts";

const flags = {
  format: valueFormatFlag,
  verbose: flag.bool("Show what helps to find faults, too", { short: "v" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] NETWORK [NETWORK...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags }) => {
    const client = await cli.client();
    return await inspectAll(cli, args, flags.format, (id) => getNetwork(client, id, flags.verbose));
  },
});
