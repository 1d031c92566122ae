import { fullString } from "../../../oci/reference.ts";
import { atLeast, command } from "../../command.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";
import { manifestName } from "../../manifest/names.ts";
import { ManifestRegistry } from "../../manifest/registry.ts";
import { ManifestLists } from "../../manifest/store.ts";

const flags = {
  amend: flag.bool("Add to a list that is there", { short: "a" }),
  insecure: flag.bool("Allow a registry without TLS, or with a certificate that nobody vouches for"),
};

export default command<typeof flags>({
  usage: "MANIFEST_LIST MANIFEST [MANIFEST...]",
  args: atLeast(2),
  flags,
  run: async (cli, { args: [list = "", ...names], flags }) => {
    const target = fullString(manifestName(list, "manifest list"));
    const lists = new ManifestLists(cli.configFolder);
    if (!flags.amend && lists.list(target).length > 0) {
      throw new StatusError(1, "refusing to amend an existing manifest list with no --amend flag");
    }
    const registry = new ManifestRegistry(cli, flags.insecure);
    // All are fetched before one is kept.
    const entries = [];
    for (const name of names) {
      const reference = manifestName(name, "manifest");
      const found = lists.get(target, fullString(reference)) ?? (await registry.fetch(reference));
      if ("list" in found) throw new StatusError(1, `${fullString(reference)} is a manifest list`);
      entries.push(found);
    }
    for (const entry of entries) lists.put(target, entry);
    cli.print(`Created manifest list ${target}`);
    return 0;
  },
});
