import { invalidArgument } from "../../../base/errors.ts";
import { command, exactly } from "../../command.ts";
import { splitCopyArgument } from "../../container/copy-paths.ts";
import { flag } from "../../flags.ts";

const flags = {
  archive: flag.bool("The files in the container belong to its user", { short: "a" }),
  "follow-link": flag.bool("Copy what a link in SRC_PATH leads to, and not the link", { short: "L" }),
  quiet: flag.bool("Say nothing of the progress; nothing is said either where there is no terminal", {
    short: "q",
  }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tdocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
  args: exactly(2),
  flags,
  run: async (cli, { args, flags, changed }) => {
    const [from = "", to = ""] = args;
    if (from === "") throw invalidArgument("source can not be empty");
    if (to === "") throw invalidArgument("destination can not be empty");
    const source = splitCopyArgument(from);
    const target = splitCopyArgument(to);
    if (source.container && target.container) {
      throw invalidArgument("copying between containers is not supported");
    }
    if (!source.container && !target.container) {
      throw invalidArgument("must specify at least one container source");
    }
    const options = {
      container: source.container || target.container,
      source: source.path,
      target: target.path,
      followLink: flags["follow-link"],
      archive: flags.archive,
      quiet: changed("quiet") ? flags.quiet : !cli.err.isTerminal,
    };
    if (source.container) {
      await (await import("../../container/copy-from.ts")).copyFromContainer(cli, options);
    } else {
      await (await import("../../container/copy-to.ts")).copyToContainer(cli, options);
    }
    return 0;
  },
});
