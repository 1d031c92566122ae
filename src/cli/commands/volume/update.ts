import { invalidArgument } from "../../../base/errors.ts";
import { command, exactly } from "../../command.ts";
import { flag } from "../../flags.ts";

const flags = {
  availability: flag.string('Availability in the cluster ("active", "pause", "drain")', {
    initial: "active",
  }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] [VOLUME]",
  args: exactly(1),
  flags,
  run: async (cli, { args }) => {
    const volume = await (await cli.client()).call("VolumeInspect", { params: { name: args[0] ?? "" } });
    if (!volume.ClusterVolume) throw invalidArgument("can only update cluster volumes");
    throw invalidArgument("volumes of a cluster cannot be changed: this client knows no clusters");
  },
});
