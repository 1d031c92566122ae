import { checkpointDirFlag } from "../../checkpoint-dir-flag.ts";
import { command, exactly } from "../../command.ts";

const flags = { "checkpoint-dir": checkpointDirFlag };

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER CHECKPOINT",
  args: exactly(2),
  flags,
  run: async (cli, { args: [id = "", checkpoint = ""], flags }) => {
    const query = { dir: flags["checkpoint-dir"] || undefined };
    await (await cli.client()).call("CheckpointDelete", { params: { id, checkpoint }, query });
    return 0;
  },
});
