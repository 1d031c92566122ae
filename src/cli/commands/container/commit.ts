import { invalidArgument } from "../../../base/errors.ts";
import { fullName, parseReference } from "../../../oci/reference.ts";
import { between, command } from "../../command.ts";
import { flag } from "../../flags.ts";

const flags = {
  author: flag.string('Who made the image ("Ada Lovelace <ada@example.com>")', { short: "a" }),
  change: flag.list("Instruction of a Dockerfile to apply to the image", { short: "c" }),
  message: flag.string("What was changed", { short: "m" }),
  pause: flag.bool("Freeze the container meanwhile", { short: "p", initial: true }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  args: between(1, 2),
  flags,
  run: async (cli, { args, flags }) => {
    const [container = "", name = ""] = args;
    const reference = name === "" ? undefined : parseReference(name);
    if (reference?.digest) throw invalidArgument("refusing to create a tag with a digest reference");
    const { Id } = await (await cli.client()).call("ImageCommit", {
      query: {
        container,
        repo: reference && fullName(reference),
        tag: reference && (reference.tag ?? "latest"),
        comment: flags.message || undefined,
        author: flags.author || undefined,
        pause: flags.pause,
        changes: flags.change.length > 0 ? [...flags.change] : undefined,
      },
    });
    cli.print(Id);
    return 0;
  },
});
