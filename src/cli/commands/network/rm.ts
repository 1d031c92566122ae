import { isEngineError, messageOf } from "../../../base/errors.ts";
import { atLeast, command } from "../../command.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";

const flags = { force: flag.bool("Do not mind networks that are not there", { short: "f" }) };

export default command<typeof flags>({
  usage: "NETWORK [NETWORK...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags }) => {
    const client = await cli.client();
    let failed = false;
    for (const id of args) {
      try {
        await client.call("NetworkDelete", { params: { id } });
        cli.print(id);
      } catch (error) {
        if (flags.force && isEngineError(error, "notFound")) continue;
        cli.err.write(`${messageOf(error)}\n`);
        failed = true;
      }
    }
    // Docker's client says no more than this.
    if (failed) throw new StatusError(1, "exit status 1");
    return 0;
  },
});
