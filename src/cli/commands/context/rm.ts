import { messageOf } from "../../../base/errors.ts";
import type { Cli } from "../../cli.ts";
import { atLeast, command } from "../../command.ts";
import { updateConfigFile } from "../../config-file.ts";
import { contextInUse, defaultContext } from "../../context/names.ts";
import { contextExists, removeContext } from "../../context-store.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";

const flags = { force: flag.bool("Remove the context in use too", { short: "f" }) };

function remove(cli: Cli, name: string, force: boolean): void {
  if (name === defaultContext) throw new StatusError(1, 'context "default" cannot be removed');
  if (!force && !contextExists(cli.configFolder, name)) {
    throw new StatusError(1, `context ${JSON.stringify(name)} does not exist`);
  }
  if (name === contextInUse(cli)) {
    if (!force) {
      throw new StatusError(1, `context ${JSON.stringify(name)} is in use, set -f flag to force remove`);
    }
    updateConfigFile(cli.configFolder, { currentContext: undefined });
  }
  removeContext(cli.configFolder, name);
}

export default command<typeof flags>({
  usage: "CONTEXT [CONTEXT...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags }) => {
    const errors: string[] = [];
    for (const name of args) {
      try {
        remove(cli, name, flags.force);
        cli.print(name);
      } catch (error) {
        errors.push(messageOf(error));
      }
    }
    if (errors.length > 0) throw new StatusError(1, errors.join("\n"));
    return 0;
  },
});
