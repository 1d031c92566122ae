import { atLeast, command } from "../../command.ts";
import { valueFormatFlag } from "../../filter-flag.ts";
import { inspectAll } from "../../inspect.ts";
import { getVolume } from "../../volume/get.ts";

const flags = { format: valueFormatFlag };

export default command<typeof flags>({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags }) => {
    const client = await cli.client();
    return await inspectAll(cli, args, flags.format, (name) => getVolume(client, name));
  },
});
