import { writeFileSync } from "node:fs";
import { errnoOf } from "../../../base/errors.ts";
import { between, command } from "../../command.ts";
import { packContext } from "../../context/archive.ts";
import { loadContext } from "../../context/current.ts";
import { checkContextName } from "../../context/names.ts";
import { StatusError } from "../../exit.ts";

export default command({
  usage: "[OPTIONS] CONTEXT [FILE|-]",
  args: between(1, 2),
  flags: {},
  run: async (cli, { args }) => {
    const [name = "", path = `${name}.dockercontext`] = args;
    checkContextName(name);
    const { meta, tls } = loadContext(cli, name);
    const archive = packContext(meta, tls);
    if (path === "-") {
      if (cli.out.isTerminal)
        throw new StatusError(1, "cowardly refusing to export to a terminal, specify a file path");
      cli.out.write(archive);
      return 0;
    }
    try {
      writeFileSync(path, archive, { flag: "wx", mode: 0o600 });
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
      throw new StatusError(1, `open ${path}: file exists`, { cause: error });
    }
    cli.printError(`Written file ${JSON.stringify(path)}`);
    return 0;
  },
});
