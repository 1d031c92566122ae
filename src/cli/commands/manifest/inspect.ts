import { notFound } from "../../../base/errors.ts";
import { fullString } from "../../../oci/reference.ts";
import type { Cli } from "../../cli.ts";
import { between, command } from "../../command.ts";
import { flag } from "../../flags.ts";
import { indentJson } from "../../format/indent-json.ts";
import { indexText, listBytes, type ManifestEntry } from "../../manifest/entry.ts";
import { manifestName } from "../../manifest/names.ts";
import { ManifestRegistry } from "../../manifest/registry.ts";
import { ManifestLists } from "../../manifest/store.ts";

const flags = {
  insecure: flag.bool("Allow a registry without TLS, or with a certificate that nobody vouches for"),
  verbose: flag.bool("Show descriptors too, and what a list has", { short: "v" }),
};

const tabs = (value: unknown) => indentJson(JSON.stringify(value), "\t");

function showOne(cli: Cli, entry: ManifestEntry, verbose: boolean): void {
  cli.print(verbose ? tabs(entry) : tabs(entry.SchemaV2Manifest ?? entry.OCIManifest ?? {}));
}

function showLocal(cli: Cli, entries: readonly ManifestEntry[], verbose: boolean): void {
  cli.print(verbose ? tabs(entries) : Buffer.from(listBytes(entries).bytes).toString());
}

export default command<typeof flags>({
  usage: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
  args: between(1, 2),
  flags,
  run: async (cli, { args, flags }) => {
    const [first = "", second] = args;
    const lists = new ManifestLists(cli.configFolder);
    if (second !== undefined) {
      const list = fullString(manifestName(first, "manifest list"));
      const ref = fullString(manifestName(second, "manifest"));
      const entry = lists.get(list, ref);
      if (!entry) throw notFound(`No such manifest: ${ref}`);
      showOne(cli, entry, flags.verbose);
      return 0;
    }
    const reference = manifestName(first, "manifest");
    const local = lists.list(fullString(reference));
    if (local.length > 0) {
      showLocal(cli, local, flags.verbose);
      return 0;
    }
    const found = await new ManifestRegistry(cli, flags.insecure).fetch(reference);
    if (!("list" in found)) showOne(cli, found, flags.verbose);
    else if (flags.verbose) cli.print(tabs(await found.entries()));
    else cli.print(indexText(found.list));
    return 0;
  },
});
