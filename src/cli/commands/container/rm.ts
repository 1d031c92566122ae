import { invalidArgument, isEngineError } from "../../../base/errors.ts";
import { atLeast, command } from "../../command.ts";
import { eachContainer } from "../../container/each.ts";
import { flag } from "../../flags.ts";

const flags = {
  force: flag.bool("Remove containers that run, too: they are ended at once", { short: "f" }),
  link: flag.bool("Remove the link of that name", { short: "l" }),
  volumes: flag.bool("Remove the container's anonymous volumes, too", { short: "v" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  flags,
  run: (cli, { args, flags }) =>
    eachContainer(
      cli,
      args,
      async (client, name) => {
        const id = name.replace(/^\/+|\/+$/g, "");
        if (id === "") throw invalidArgument("container name cannot be empty");
        await client.call("ContainerDelete", {
          params: { id },
          query: { force: flags.force, v: flags.volumes, link: flags.link },
        });
      },
      // With --force, a container that is not there is as good as removed.
      (error) => flags.force && isEngineError(error, "notFound"),
    ),
});
