import { atLeast, command } from "../../command.ts";
import { getContainer } from "../../container/get.ts";
import { valueFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { inspectAll } from "../../inspect.ts";

const flags = {
  format: valueFormatFlag,
  size: flag.bool("Show how much disk the container uses, too", { short: "s" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags }) => {
    const client = await cli.client();
    return await inspectAll(cli, args, flags.format, (id) => getContainer(client, id, flags.size));
  },
});
