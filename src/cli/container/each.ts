import { messageOf } from "../../base/errors.ts";
import type { Client } from "../../client/client.ts";
import type { Cli } from "../cli.ts";
import { StatusError } from "../exit.ts";

/**
 * Does the same to several containers side by side. Prints the name of each that went well, in the order of the
 * arguments, and all errors at the end. What `forgives` says is told, and no failure.
 */
export async function eachContainer(
  cli: Cli,
  names: readonly string[],
  act: (client: Client, name: string) => Promise<unknown>,
  forgives: (error: unknown) => boolean = () => false,
): Promise<number> {
  const client = await cli.client();
  // One negotiation for all of them.
  await client.negotiate();
  const running = names.map((name) =>
    act(client, name).then(
      () => undefined,
      (error: unknown) => error ?? new Error("unknown error"),
    ),
  );
  const errors: string[] = [];
  for (const [index, outcome] of running.entries()) {
    const error = await outcome;
    if (error === undefined) cli.print(names[index] ?? "");
    else if (forgives(error)) cli.printError(messageOf(error));
    else errors.push(messageOf(error));
  }
  if (errors.length > 0) throw new StatusError(1, errors.join("\n"));
  return 0;
}
