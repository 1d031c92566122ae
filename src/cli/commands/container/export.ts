import { command, exactly } from "../../command.ts";
import { flag } from "../../flags.ts";
import { writeArchive } from "../../output-file.ts";

const flags = { output: flag.string("File to write, in place of standard output", { short: "o" }) };

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER",
  args: exactly(1),
  flags,
  run: async (cli, { args, flags }) => {
    const [id = ""] = args;
    const client = await cli.client();
    await writeArchive(cli, flags.output, "export", () =>
      client.stream("ContainerExport", { params: { id } }),
    );
    return 0;
  },
});
