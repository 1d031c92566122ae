import { invalidArgument } from "../../../base/errors.ts";
import { command, exactly } from "../../command.ts";
import { followSize } from "../../container/resize.ts";
import { forwardSignals } from "../../container/signals.ts";
import { copyStreams } from "../../container/stream-io.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";
import { inputIsTerminal } from "../../streams.ts";

const flags = {
  "detach-keys": flag.string("Keys that leave the container running"),
  "no-stdin": flag.bool("Do not connect standard input"),
  "sig-proxy": flag.bool("Send signals on to the container's process", { initial: true }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER",
  args: exactly(1),
  flags,
  run: async (cli, { args, flags }) => {
    const [id = ""] = args;
    const client = await cli.client();
    const { State, Config } = await client.call("ContainerInspect", { params: { id } });
    if (!State.Running) throw invalidArgument("You cannot attach to a stopped container, start it first");
    if (State.Paused) throw invalidArgument("You cannot attach to a paused container, unpause it first");
    if (State.Restarting) {
      throw invalidArgument("You cannot attach to a restarting container, wait until it is running");
    }
    const tty = Config.Tty ?? false;
    const stdin = !flags["no-stdin"] && (Config.OpenStdin ?? false);
    if (!flags["no-stdin"] && tty && !inputIsTerminal())
      throw invalidArgument("the input device is not a TTY");
    const detachKeys = flags["detach-keys"] || cli.config.detachKeys || "";
    const ended = await client.messages("ContainerWait", { params: { id } });
    using _signals = flags["sig-proxy"] && !tty ? forwardSignals(client, id) : undefined;
    const connection = await client.hijack("ContainerAttach", {
      params: { id },
      query: { stream: true, stdin, stdout: true, stderr: true, detachKeys: detachKeys || undefined },
    });
    using _size = tty && cli.out.isTerminal ? await redraw(client, id, cli.out.fd) : undefined;
    const ending = await copyStreams(connection, { stdin, stdout: true, stderr: true, tty, detachKeys, cli });
    if (ending === "detached") throw new StatusError(1, "read escape sequence");
    for await (const result of ended) {
      if (result.Error?.Message) throw new StatusError(1, result.Error.Message);
      return result.StatusCode;
    }
    return 0;
  },
});

/** A program redraws its screen when the size changes: so it is made larger for a moment. */
async function redraw(client: Parameters<typeof followSize>[0], id: string, fd: number): Promise<Disposable> {
  const { terminalSize } = await import("../../../linux/terminal.ts");
  const size = terminalSize(fd);
  if (size && size.rows > 0) {
    const query = { h: size.rows + 1, w: size.columns + 1 };
    // Only the look suffers when it cannot be done.
    await client.call("ContainerResize", { params: { id }, query }).catch(() => {});
  }
  return await followSize(client, "container", id, fd);
}
