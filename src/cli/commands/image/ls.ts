import { atMost, command } from "../../command.ts";
import { filterFlag, listFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { formatRows } from "../../format/rows.ts";
import { imageRows, imageRowsOf, imageTable } from "../../image/rows.ts";

const flags = {
  all: flag.bool("Show intermediate images, too", { short: "a" }),
  digests: flag.bool("Show digests"),
  filter: filterFlag("Show only those that fit"),
  format: listFormatFlag,
  "no-trunc": flag.bool("Show everything in full"),
  quiet: flag.bool("Show IDs only", { short: "q" }),
  tree: flag.bool("Show the platforms of each image below it (experimental)", { since: "1.47" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  args: atMost(1),
  flags,
  run: async (cli, { args, flags }) => {
    const filters = args[0] === undefined ? flags.filter : { ...flags.filter, reference: [args[0]] };
    const client = await cli.client();
    const custom = flags.format || (flags.quiet ? "" : (cli.config.imagesFormat ?? ""));
    if (flags.tree) {
      const { printTree, checkTreeFlags } = await import("../../image/tree.ts");
      checkTreeFlags(flags);
      const images = await client.call("ImageList", { query: { all: flags.all, manifests: true, filters } });
      printTree(cli, images, flags.all);
      return 0;
    }
    const images = await client.call("ImageList", { query: { all: flags.all, filters } });
    const kind = imageRows(!flags["no-trunc"]);
    const standard = custom === "" || custom === "table";
    const digests = flags.digests || (!standard && /\.Digest\b/.test(custom));
    const format = standard ? imageTable(flags.quiet, flags.digests) : custom;
    cli.out.write(
      formatRows(kind, imageRowsOf(images, digests), flags.quiet && custom === "json" ? "{{.ID}}" : format),
    );
    return 0;
  },
});
