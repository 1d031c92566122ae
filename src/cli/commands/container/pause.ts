import { atLeast, command } from "../../command.ts";
import { eachContainer } from "../../container/each.ts";

export default command({
  usage: "CONTAINER [CONTAINER...]",
  args: atLeast(1),
  flags: {},
  run: (cli, { args }) =>
    eachContainer(cli, args, (client, id) => client.call("ContainerPause", { params: { id } })),
});
