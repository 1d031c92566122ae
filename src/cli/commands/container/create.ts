import { messageOf } from "../../../base/errors.ts";
import { atLeast, command } from "../../command.ts";
import { checkPull, createContainer, requestFromFlags } from "../../container/create.ts";
import { createFlags } from "../../container/create-flags.ts";
import { StatusError } from "../../exit.ts";

export default command<typeof createFlags>({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  args: atLeast(1),
  flags: createFlags,
  interspersed: false,
  run: async (cli, { args, flags, changed }) => {
    const [image = "", ...words] = args;
    let request: ReturnType<typeof requestFromFlags>;
    try {
      checkPull(flags.pull);
      request = requestFromFlags(cli, { flags, changed, image, command: words, consoleSize: [0, 0] });
    } catch (error) {
      const text = `docker: ${messageOf(error)}\n\nRun 'docker create --help' for more information`;
      throw new StatusError(125, text, { cause: error });
    }
    const id = await createContainer(cli, await cli.client(), request, {
      name: flags.name,
      platform: flags.platform,
      pull: flags.pull,
      quiet: flags.quiet,
      cidfile: flags.cidfile,
    });
    cli.print(id);
    return 0;
  },
});
