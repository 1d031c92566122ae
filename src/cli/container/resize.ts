import type { Client } from "../../client/client.ts";

/**
 * Tells the daemon the size of this terminal, now and whenever it changes. `kind` says whether `id` is a container's or
 * that of a command in one. Disposing stops it.
 */
export async function followSize(
  client: Client,
  kind: "container" | "exec",
  id: string,
  fd: number,
): Promise<Disposable> {
  const { terminalSize } = await import("../../linux/terminal.ts");
  const send = async () => {
    const size = terminalSize(fd);
    if (!size || (size.rows === 0 && size.columns === 0)) return;
    const query = { h: size.rows, w: size.columns };
    if (kind === "exec") await client.call("ExecResize", { params: { id }, query });
    else await client.call("ContainerResize", { params: { id }, query });
  };
  // A container that has just ended has no size any more.
  const quietly = () => void send().catch(() => {});
  process.on("SIGWINCH", quietly);
  await retried(send);
  return { [Symbol.dispose]: () => void process.off("SIGWINCH", quietly) };
}

/** The terminal may not be there yet when the start was only just answered. */
async function retried(send: () => Promise<void>): Promise<void> {
  for (let attempt = 1; attempt <= 10; attempt++) {
    try {
      return await send();
    } catch {
      await Bun.sleep(10 * attempt);
    }
  }
}
