import { atLeast, command } from "../../command.ts";
import { flag } from "../../flags.ts";
import { platformJson } from "../../image/platform.ts";
import { writeArchive } from "../../output-file.ts";

const flags = {
  output: flag.string("File to write, in place of standard output", { short: "o" }),
  platform: flag.string('Write only this platform of the images ("os[/arch[/variant]]")', { since: "1.48" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags }) => {
    const platform = platformJson(flags.platform);
    const query = { names: [...args], platform: platform === "" ? undefined : [platform] };
    const client = await cli.client();
    await writeArchive(cli, flags.output, "save", () => client.stream("ImageGetAll", { query }));
    return 0;
  },
});
