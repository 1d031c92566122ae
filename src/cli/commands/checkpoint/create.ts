import { checkpointDirFlag } from "../../checkpoint-dir-flag.ts";
import { command, exactly } from "../../command.ts";
import { flag } from "../../flags.ts";

const flags = {
  "checkpoint-dir": checkpointDirFlag,
  "leave-running": flag.bool("Let the container run on"),
};

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER CHECKPOINT",
  args: exactly(2),
  flags,
  run: async (cli, { args: [id = "", name = ""], flags }) => {
    await (await cli.client()).call("CheckpointCreate", {
      params: { id },
      body: { CheckpointID: name, CheckpointDir: flags["checkpoint-dir"], Exit: !flags["leave-running"] },
    });
    cli.print(name);
    return 0;
  },
});
