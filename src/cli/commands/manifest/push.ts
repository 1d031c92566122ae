import { notFound } from "../../../base/errors.ts";
import { sha256Of } from "../../../oci/digester.ts";
import { fullName, fullString, parseReference } from "../../../oci/reference.ts";
import { command, exactly } from "../../command.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";
import { listBytes } from "../../manifest/entry.ts";
import { manifestName } from "../../manifest/names.ts";
import { ManifestRegistry } from "../../manifest/registry.ts";
import { ManifestLists } from "../../manifest/store.ts";

const flags = {
  insecure: flag.bool("Allow a registry without TLS, or with a certificate that nobody vouches for"),
  purge: flag.bool("Forget the list here afterwards", { short: "p" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] MANIFEST_LIST",
  args: exactly(1),
  flags,
  run: async (cli, { args: [name = ""], flags }) => {
    const target = manifestName(name, "manifest list");
    const lists = new ManifestLists(cli.configFolder);
    const entries = lists.list(fullString(target));
    if (entries.length === 0) throw notFound(`No such manifest: ${fullString(target)}`);
    const sources = entries.map((entry) => ({ entry, source: parseReference(entry.Ref) }));
    for (const { entry, source } of sources) {
      if (source.domain !== target.domain) {
        throw new StatusError(
          1,
          `cannot use source images from a different registry than the target image: ${source.domain} != ${target.domain}`,
        );
      }
      const { os = "", architecture = "" } = entry.Descriptor.platform ?? {};
      if (os === "" || architecture === "") {
        throw new StatusError(
          1,
          `manifest ${entry.Ref} must have an OS and Architecture to be pushed to a registry`,
        );
      }
    }
    const list = listBytes(entries);
    const tell = (digest: string) =>
      cli.print(`Pushed ref ${fullName(target)}@${digest} with digest: ${digest}`);
    await new ManifestRegistry(cli, flags.insecure).push(target, sources, list, tell);
    cli.print(sha256Of(list.bytes));
    if (flags.purge) lists.remove(fullString(target));
    return 0;
  },
});
