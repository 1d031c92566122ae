import { atLeast, command } from "../../command.ts";
import { eachContainer } from "../../container/each.ts";
import { flag } from "../../flags.ts";

const flags = { signal: flag.string("Signal to send", { short: "s" }) };

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  flags,
  run: (cli, { args, flags }) =>
    eachContainer(cli, args, (client, id) =>
      client.call("ContainerKill", { params: { id }, query: { signal: flags.signal || undefined } }),
    ),
});
