import { messageOf } from "../../base/errors.ts";
import type { Client } from "../../client/client.ts";
import type { Cli } from "../cli.ts";
import { StatusError } from "../exit.ts";

/**
 * Does the same to several containers side by side. Prints the name of each that went well, in the order of the
 * arguments, and all errors at the end.
 */
export async function eachContainer(
  cli: Cli,
  names: readonly string[],
  act: (client: Client, name: string) => Promise<unknown>,
): Promise<number> {
  const client = await cli.client();
  // One negotiation for all of them.
  await client.negotiate();
  const running = names.map((name) =>
    act(client, name).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    ),
  );
  const errors: string[] = [];
  for (const [index, outcome] of running.entries()) {
    const error = await outcome;
    if (error === undefined) cli.print(names[index] ?? "");
    else errors.push(error);
  }
  if (errors.length > 0) throw new StatusError(1, errors.join("\n"));
  return 0;
}
