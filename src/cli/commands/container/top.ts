import { atLeast, command } from "../../command.ts";
import { alignTabs } from "../../format/tabwriter.ts";

export default command({
  usage: "CONTAINER [ps OPTIONS]",
  args: atLeast(1),
  flags: {},
  interspersed: false,
  run: async (cli, { args }) => {
    const [id = "", ...options] = args;
    const { Titles, Processes } = await (await cli.client()).call("ContainerTop", {
      params: { id },
      query: { ps_args: options.join(" ") || undefined },
    });
    const rows = [Titles, ...Processes].map((row) => row.join("\t"));
    cli.out.write(alignTabs(`${rows.join("\n")}\n`, { minWidth: 20, padding: 3 }));
    return 0;
  },
});
