import type { Client } from "../../client/client.ts";
import type { Cli } from "../cli.ts";

/**
 * Begins to wait for a container's end, or, when it is removed by itself, for its removal. Resolves when the daemon has
 * taken note; the inner promise gives the exit code. Call it before the container is started.
 */
export async function beginWait(
  cli: Cli,
  client: Client,
  id: string,
  autoRemove: boolean,
): Promise<{ readonly exited: Promise<number> }> {
  const condition = autoRemove ? "removed" : "next-exit";
  const messages = await client.messages("ContainerWait", { params: { id }, query: { condition } });
  const read = async (): Promise<number> => {
    try {
      for await (const message of messages) {
        if (message.Error?.Message === undefined) return message.StatusCode;
        cli.printError(`Error waiting for container: ${message.Error.Message}`);
        return 125;
      }
      cli.printError("Error waiting for container: unexpected EOF");
    } catch (error) {
      cli.printError(`error waiting for container: ${error instanceof Error ? error.message : error}`);
    }
    return 125;
  };
  return { exited: read() };
}
