import { checkpointDirFlag } from "../../checkpoint-dir-flag.ts";
import { command, exactly } from "../../command.ts";
import { formatRows, type RowKind } from "../../format/rows.ts";

const flags = { "checkpoint-dir": checkpointDirFlag };

const checkpointRows: RowKind<{ Name: string }> = {
  type: "formatter.checkpointContext",
  headers: { Name: "CHECKPOINT NAME" },
  columns: { Name: (row) => row.Name },
};

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER",
  args: exactly(1),
  flags,
  run: async (cli, { args: [id = ""], flags }) => {
    const client = await cli.client();
    const query = { dir: flags["checkpoint-dir"] || undefined };
    const found = await client.call("CheckpointList", { params: { id }, query });
    cli.out.write(formatRows(checkpointRows, found, "table {{.Name}}"));
    return 0;
  },
});
