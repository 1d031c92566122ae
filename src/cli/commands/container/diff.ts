import { invalidArgument } from "../../../base/errors.ts";
import { command, exactly } from "../../command.ts";

const kinds = ["C", "A", "D"];

export default command({
  usage: "CONTAINER",
  args: exactly(1),
  flags: {},
  run: async (cli, { args }) => {
    const [id = ""] = args;
    if (id === "") throw invalidArgument("Container name cannot be empty");
    const changes = await (await cli.client()).call("ContainerChanges", { params: { id } });
    for (const { Kind, Path } of changes ?? []) cli.print(`${kinds[Kind] ?? "?"} ${Path}`);
    return 0;
  },
});
