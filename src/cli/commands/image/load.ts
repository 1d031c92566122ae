import { invalidArgument } from "../../../base/errors.ts";
import { command, noArguments } from "../../command.ts";
import { flag } from "../../flags.ts";
import { platformJson } from "../../image/platform.ts";
import { fileBytes, standardInput } from "../../input-stream.ts";
import { displayMessages } from "../../progress.ts";
import { inputIsTerminal } from "../../streams.ts";

const flags = {
  input: flag.string("File to read, in place of standard input", { short: "i" }),
  platform: flag.string('Read only this platform of the images ("os[/arch[/variant]]")', { since: "1.48" }),
  quiet: flag.bool("Do not show how it goes on", { short: "q" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    if (flags.input === "" && inputIsTerminal()) {
      throw invalidArgument("requested load from stdin, but stdin is empty");
    }
    const body = flags.input === "" ? standardInput() : fileBytes(flags.input);
    const platform = platformJson(flags.platform);
    const messages = await (await cli.client()).messages("ImageLoad", {
      query: {
        quiet: flags.quiet || !cli.out.isTerminal,
        platform: platform === "" ? undefined : [platform],
      },
      body,
    });
    await displayMessages(messages, cli.out);
    return 0;
  },
});
