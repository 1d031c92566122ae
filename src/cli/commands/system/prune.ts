import { versionAtLeast } from "../../../api/version.ts";
import { invalidArgument } from "../../../base/errors.ts";
import { humanSize } from "../../../base/units.ts";
import { command, noArguments } from "../../command.ts";
import { confirm } from "../../confirm.ts";
import { flag } from "../../flags.ts";
import { pruneBuildCache, pruneContainers, pruneImages, pruneNetworks, pruneVolumes } from "../../prune.ts";
import { pruneFilters, pruneFlags } from "../../prune-flags.ts";

const flags = {
  ...pruneFlags,
  all: flag.bool("Remove all images that no container uses, not only those without a name", { short: "a" }),
  volumes: flag.bool("Remove anonymous volumes, too"),
};

function question(
  all: boolean,
  volumes: boolean,
  builder: boolean,
  filters: Readonly<Record<string, readonly string[]>>,
): string {
  const what = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(volumes ? ["all anonymous volumes not used by at least one container"] : []),
    all ? "all images without at least one container associated to them" : "all dangling images",
    ...(builder ? [all ? "all build cache" : "unused build cache"] : []),
  ];
  const shown = Object.entries(filters).flatMap(([key, values]) => values.map((value) => `${key}=${value}`));
  const items = what.map((line) => `  - ${line}\n`).join("");
  const narrowed =
    shown.length === 0
      ? ""
      : `\n  Items to be pruned will be filtered with:\n${shown.map((line) => `  - ${line}\n`).join("")}`;
  return `WARNING! This will remove:\n${items}${narrowed}\nAre you sure you want to continue?`;
}

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    if (flags.volumes && flags.filter.until !== undefined) {
      throw invalidArgument('ERROR: The "until" filter is not supported with "--volumes"');
    }
    const filters = pruneFilters(cli.config.pruneFilters, flags.filter);
    const client = await cli.client();
    const builder = versionAtLeast(await client.negotiate(), "1.31");
    if (!flags.force && !confirm(cli, question(flags.all, flags.volumes, builder, filters))) return 0;
    const steps = [
      () => pruneContainers(client, filters),
      () => pruneNetworks(client, filters),
      ...(flags.volumes ? [() => pruneVolumes(client, filters)] : []),
      () => pruneImages(client, filters, flags.all),
      ...(builder ? [() => pruneBuildCache(client, filters, flags.all)] : []),
    ];
    let total = 0;
    for (const step of steps) {
      const { lines, bytes } = await step();
      total += bytes;
      for (const line of lines) cli.print(line);
    }
    cli.print(`Total reclaimed space: ${humanSize(total)}`);
    return 0;
  },
});
