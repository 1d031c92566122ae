import { command, exactly } from "../../command.ts";
import { updateConfigFile } from "../../config-file.ts";
import { checkContextName, defaultContext } from "../../context/names.ts";
import { readContext } from "../../context-store.ts";

export default command({
  usage: "CONTEXT",
  args: exactly(1),
  flags: {},
  run: async (cli, { args }) => {
    const [name = ""] = args;
    if (name !== defaultContext) {
      checkContextName(name);
      readContext(cli.configFolder, name);
    }
    const currentContext = name === defaultContext ? undefined : name;
    if (cli.config.currentContext !== currentContext) updateConfigFile(cli.configFolder, { currentContext });
    cli.print(name);
    cli.printError(`Current context is now ${JSON.stringify(name)}`);
    if (name !== defaultContext && process.env.DOCKER_HOST) {
      cli.printError(
        `Warning: DOCKER_HOST environment variable overrides the active context. To use ${JSON.stringify(name)}, either set the global --context flag, or unset DOCKER_HOST environment variable.`,
      );
    }
    return 0;
  },
});
