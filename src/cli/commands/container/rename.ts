import { invalidArgument, messageOf } from "../../../base/errors.ts";
import { command, exactly } from "../../command.ts";
import { StatusError } from "../../exit.ts";

export default command({
  usage: "CONTAINER NEW_NAME",
  args: exactly(2),
  flags: {},
  run: async (cli, { args }) => {
    const [from = "", to = ""] = args.map((name) => name.trim());
    if (from === "" || to === "") throw invalidArgument("Error: Neither old nor new names may be empty");
    try {
      await (await cli.client()).call("ContainerRename", { params: { id: from }, query: { name: to } });
    } catch (error) {
      throw new StatusError(1, `${messageOf(error)}\nError: failed to rename container named ${from}`);
    }
    return 0;
  },
});
