import { parseReference } from "../../../oci/reference.ts";
import { between, command } from "../../command.ts";
import { flag } from "../../flags.ts";
import { fileBytes, standardInput } from "../../input-stream.ts";
import { displayMessages } from "../../progress.ts";

const flags = {
  change: flag.list("Instruction of a Dockerfile to apply to the image", { short: "c" }),
  message: flag.string("What the image is", { short: "m" }),
  platform: flag.string("Platform of the image, where the daemon has several", { since: "1.32" }),
};

const isUrl = (text: string) => /^https?:\/\//.test(text);

export default command<typeof flags>({
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  args: between(1, 2),
  flags,
  run: async (cli, { args, flags }) => {
    const [source = "", name = ""] = args;
    // The daemon says what is wrong with a name; here only mistakes that it could not see are caught.
    if (name !== "") parseReference(name);
    const body = source === "-" ? standardInput() : isUrl(source) ? undefined : fileBytes(source);
    const query = {
      fromSrc: isUrl(source) ? source : "-",
      repo: name || undefined,
      message: flags.message || undefined,
      changes: flags.change.length > 0 ? [...flags.change] : undefined,
      platform: flags.platform.toLowerCase() || undefined,
    };
    const client = await cli.client();
    await displayMessages(await client.messages("ImageCreate", { query, body }), cli.out);
    return 0;
  },
});
