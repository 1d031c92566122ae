import { fullName, fullString } from "../../../oci/reference.ts";
import { command, exactly } from "../../command.ts";
import { flag } from "../../flags.ts";
import { platformJson } from "../../image/platform.ts";
import { notePlatform, notePushedInstead } from "../../image/push-notes.ts";
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
    const platform = platformJson(flags.platform);
    if (platform !== "") notePlatform(cli.out);
    const reference = referenceToTransfer(cli, args[0] ?? "", flags);
    const name = fullName(reference);
    const client = await cli.client();
    const messages = await client.messages("ImagePush", {
      params: { name },
      query: { tag: reference.tag, platform: platform || undefined },
      registryAuth: authForImage(cli.config, name),
    });
    const results: unknown[] = [];
    await displayMessages(messages, flags.quiet ? nowhere : cli.out, (aux) => results.push(aux));
    if (flags.quiet) cli.print(flags["all-tags"] ? fullName(reference) : fullString(reference));
    for (const aux of results) notePushedInstead(cli.out, aux);
    return 0;
  },
});
