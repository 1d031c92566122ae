import { invalidArgument } from "../../../base/errors.ts";
import { atMost, command } from "../../command.ts";
import { checkLabel } from "../../container/checks.ts";
import { pairs } from "../../container/environment.ts";
import { mapFlag } from "../../container/flag-types.ts";
import { flag } from "../../flags.ts";

const flags = {
  driver: flag.string("Driver of the volume", { short: "d", initial: "local" }),
  label: flag.list("Set a label", { check: checkLabel }),
  name: flag.string("Name of the volume", { hidden: true }),
  opt: mapFlag("Option of the driver", { short: "o" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] [VOLUME]",
  args: atMost(1),
  flags,
  run: async (cli, { args, flags }) => {
    if (args.length === 1 && flags.name !== "") {
      throw invalidArgument(
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
      );
    }
    const { Name } = await (await cli.client()).call("VolumeCreate", {
      body: {
        Name: args[0] ?? flags.name,
        Driver: flags.driver,
        DriverOpts: Object.fromEntries(flags.opt),
        Labels: pairs(flags.label),
      },
    });
    cli.print(Name);
    return 0;
  },
});
