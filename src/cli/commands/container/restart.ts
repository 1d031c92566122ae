import { atLeast, command } from "../../command.ts";
import { eachContainer } from "../../container/each.ts";
import { stopFlags, stopTimeout } from "../../container/stop-flags.ts";

export default command<typeof stopFlags>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  flags: stopFlags,
  run: (cli, invocation) => {
    const query = { signal: invocation.flags.signal || undefined, t: stopTimeout(invocation) };
    return eachContainer(cli, invocation.args, (client, id) =>
      client.call("ContainerRestart", { params: { id }, query }),
    );
  },
});
