import { command, exactly } from "../../command.ts";
import { flag } from "../../flags.ts";

const flags = { force: flag.bool("Disconnect it in any case", { short: "f" }) };

export default command<typeof flags>({
  usage: "[OPTIONS] NETWORK CONTAINER",
  args: exactly(2),
  flags,
  run: async (cli, { args, flags }) => {
    const [id = "", Container = ""] = args;
    const client = await cli.client();
    await client.call("NetworkDisconnect", { params: { id }, body: { Container, Force: flags.force } });
    return 0;
  },
});
