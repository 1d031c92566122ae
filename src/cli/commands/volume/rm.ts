import { messageOf } from "../../../base/errors.ts";
import { atLeast, command } from "../../command.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";

const flags = { force: flag.bool("Do not mind volumes that are not there", { short: "f", since: "1.25" }) };

export default command<typeof flags>({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags }) => {
    const client = await cli.client();
    const errors: string[] = [];
    for (const name of args) {
      try {
        await client.call("VolumeDelete", { params: { name }, query: { force: flags.force } });
        cli.print(name);
      } catch (error) {
        errors.push(messageOf(error));
      }
    }
    if (errors.length > 0) throw new StatusError(1, errors.join("\n"));
    return 0;
  },
});
