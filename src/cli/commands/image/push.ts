import { fullName, fullString } from "../../../oci/reference.ts";
import { command, exactly } from "../../command.ts";
import { flag } from "../../flags.ts";
import { platformJson } from "../../image/platform.ts";
import { referenceToTransfer } from "../../image/reference-to-transfer.ts";
import { displayMessages, nowhere } from "../../progress.ts";
import { authForImage } from "../../registry-auth.ts";

const flags = {
  "all-tags": flag.bool("Send all tags of the repository", { short: "a" }),
  "disable-content-trust": flag.bool("Do not sign the image", { initial: true }),
  platform: flag.string('Send only this platform of the image ("os[/arch[/variant]]")', { since: "1.46" }),
  quiet: flag.bool("Show only the name of what was sent", { short: "q" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] NAME[:TAG]",
  args: exactly(1),
  flags,
  run: async (cli, { args, flags }) => {
    const reference = referenceToTransfer(cli, args[0] ?? "", flags);
    const name = fullName(reference);
    const client = await cli.client();
    const messages = await client.messages("ImagePush", {
      params: { name },
      query: { tag: reference.tag, platform: platformJson(flags.platform) || undefined },
      registryAuth: authForImage(cli.config, name),
    });
    await displayMessages(messages, flags.quiet ? nowhere : cli.out);
    if (flags.quiet) cli.print(flags["all-tags"] ? fullName(reference) : fullString(reference));
    return 0;
  },
});
