import { atLeast, command } from "../../command.ts";
import { valueFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { getImage } from "../../image/get.ts";
import { platformJson } from "../../image/platform.ts";
import { inspectAll } from "../../inspect.ts";

const flags = {
  format: valueFormatFlag,
  platform: flag.string('Platform to show, where the image has several ("os[/arch[/variant]]")', {
    since: "1.49",
  }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags }) => {
    const platform = platformJson(flags.platform);
    const client = await cli.client();
    return await inspectAll(cli, args, flags.format, (name) => getImage(client, name, platform));
  },
});
