import { command, noArguments } from "../../command.ts";
import { contextInUse } from "../../context/names.ts";

export default command({
  usage: "",
  args: noArguments,
  flags: {},
  run: async (cli) => {
    cli.print(contextInUse(cli));
    return 0;
  },
});
