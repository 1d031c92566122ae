import { messageOf } from "../../../base/errors.ts";
import { atLeast, command } from "../../command.ts";
import { StatusError } from "../../exit.ts";

export default command({
  usage: "CONTAINER [CONTAINER...]",
  args: atLeast(1),
  flags: {},
  run: async (cli, { args }) => {
    const client = await cli.client();
    const errors: string[] = [];
    for (const id of args) {
      try {
        for await (const { StatusCode } of await client.messages("ContainerWait", { params: { id } })) {
          cli.print(String(StatusCode));
        }
      } catch (error) {
        errors.push(messageOf(error));
      }
    }
    if (errors.length > 0) throw new StatusError(1, errors.join("\n"));
    return 0;
  },
});
