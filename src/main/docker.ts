import { runClient } from "../cli/main.ts";
import { outputWritten } from "../cli/streams.ts";

/**
 * The client. Takes the arguments after its name. Ends the process itself: a read of standard input that is still
 * under way would hold it, and all output is written by then.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const code = await runClient(argv);
  // Its last words; nobody could be told that they cannot be written.
  await outputWritten().catch(() => {});
  process.exit(code);
}
