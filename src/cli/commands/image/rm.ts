import { isEngineError, messageOf } from "../../../base/errors.ts";
import { atLeast, command } from "../../command.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";
import { platformJson } from "../../image/platform.ts";

const flags = {
  force: flag.bool("Remove images that containers or other names use, too", { short: "f" }),
  "no-prune": flag.bool("Keep untagged images that it was made from"),
  platform: flag.list('Remove only this platform of the image ("os[/arch[/variant]]")', {
    type: "strings",
    since: "1.50",
  }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags }) => {
    const client = await cli.client();
    const platforms = flags.platform.flatMap((text) => text.split(",")).map(platformJson);
    const errors: string[] = [];
    let fatal = false;
    for (const name of args) {
      try {
        const removed = await client.call("ImageDelete", {
          params: { name },
          query: {
            force: flags.force,
            noprune: flags["no-prune"],
            platforms: platforms.length > 0 ? platforms : undefined,
          },
        });
        for (const { Deleted, Untagged } of removed) {
          cli.print(Deleted ? `Deleted: ${Deleted}` : `Untagged: ${Untagged}`);
        }
      } catch (error) {
        if (!isEngineError(error, "notFound")) fatal = true;
        errors.push(messageOf(error));
      }
    }
    if (errors.length === 0) return 0;
    // With --force, an image that is not there is as good as removed.
    if (!flags.force || fatal) throw new StatusError(1, errors.join("\n"));
    cli.printError(errors.join("\n"));
    return 0;
  },
});
