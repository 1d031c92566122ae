import { fullString } from "../../../oci/reference.ts";
import { command, exactly } from "../../command.ts";
import { flag } from "../../flags.ts";
import { pullImage } from "../../image/pull.ts";
import { referenceToTransfer } from "../../image/reference-to-transfer.ts";
import { nowhere } from "../../progress.ts";

const flags = {
  "all-tags": flag.bool("Fetch all tags of the repository", { short: "a" }),
  "disable-content-trust": flag.bool("Do not check the image's signature", { initial: true }),
  platform: flag.string("Platform of the image, where the daemon has several", { since: "1.32" }),
  quiet: flag.bool("Show only the name of what was fetched", { short: "q" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  args: exactly(1),
  flags,
  run: async (cli, { args, flags }) => {
    const reference = referenceToTransfer(cli, args[0] ?? "", flags);
    await pullImage(cli, await cli.client(), reference, flags.quiet ? nowhere : cli.out, {
      platform: flags.platform || process.env.DOCKER_DEFAULT_PLATFORM || "",
      allTags: flags["all-tags"],
    });
    cli.print(fullString(reference));
    return 0;
  },
});
