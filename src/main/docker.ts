import { runClient } from "../cli/main.ts";

/**
 * The client. Takes the arguments after its name. Ends the process itself: a read of standard input that is still
 * under way would hold it, and all output is written by then.
 */
export async function main(argv: readonly string[]): Promise<number> {
  process.exit(await runClient(argv));
}
