import { messageOf } from "../../../base/errors.ts";
import { fullString } from "../../../oci/reference.ts";
import { atLeast, command } from "../../command.ts";
import { StatusError } from "../../exit.ts";
import { manifestName } from "../../manifest/names.ts";
import { ManifestLists } from "../../manifest/store.ts";

export default command({
  usage: "MANIFEST_LIST [MANIFEST_LIST...]",
  args: atLeast(1),
  flags: {},
  run: async (cli, { args }) => {
    const lists = new ManifestLists(cli.configFolder);
    const errors: string[] = [];
    for (const name of args) {
      try {
        lists.remove(fullString(manifestName(name, "manifest list")));
      } catch (error) {
        errors.push(messageOf(error));
      }
    }
    if (errors.length > 0) throw new StatusError(1, errors.join("\n"));
    return 0;
  },
});
