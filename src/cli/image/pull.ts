import type { Client } from "../../client/client.ts";
import { fullName, type Reference } from "../../oci/reference.ts";
import type { Cli } from "../cli.ts";
import { displayMessages } from "../progress.ts";
import { authForImage } from "../registry-auth.ts";
import type { Output } from "../streams.ts";

/** Asks the daemon to fetch an image, and shows how it goes on `out`. With `allTags`, all of the repository. */
export async function pullImage(
  cli: Cli,
  client: Client,
  reference: Reference,
  out: Output,
  options: { readonly platform?: string; readonly allTags?: boolean } = {},
): Promise<void> {
  const tag = reference.digest ?? reference.tag ?? (options.allTags ? "" : "latest");
  const fromImage = fullName(reference);
  const messages = await client.messages("ImageCreate", {
    query: { fromImage, tag, platform: options.platform || undefined },
    registryAuth: authForImage(cli.config, fromImage),
  });
  await displayMessages(messages, out);
}
