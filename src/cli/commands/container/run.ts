import type { ContainerCreateRequest } from "../../../api/containers.ts";
import { invalidArgument, messageOf } from "../../../base/errors.ts";
import type { Client } from "../../../client/client.ts";
import type { Cli } from "../../cli.ts";
import { atLeast, command, type Invocation } from "../../command.ts";
import { checkPull, createContainer, requestFromFlags } from "../../container/create.ts";
import { createFlags } from "../../container/create-flags.ts";
import { startErrorCode } from "../../container/start-error.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";
import { inputIsTerminal } from "../../streams.ts";

const flags = {
  ...createFlags,
  detach: flag.bool("Let the container run in the background, and print its ID", { short: "d" }),
  "detach-keys": flag.string("Keys that leave the container running"),
  "sig-proxy": flag.bool("Send signals on to the container's process", { initial: true }),
};
type RunFlags = typeof flags;

/** An error before or while the container starts: the text says whose it is, the code what went wrong. */
function runError(error: unknown, code = startErrorCode(messageOf(error))): StatusError {
  const text = `docker: ${messageOf(error)}\n\nRun 'docker run --help' for more information`;
  return new StatusError(code, text, { cause: error });
}

async function wrapped<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw runError(error);
  }
}

/** Create, attach, wait, start: in this order, no output and no exit code is missed. */
export default command<RunFlags>({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  args: atLeast(1),
  flags,
  interspersed: false,
  run: async (cli, invocation) => {
    const { flags } = invocation;
    const terminal = cli.out.isTerminal ? await import("../../../linux/terminal.ts") : undefined;
    const size = terminal?.terminalSize(cli.out.fd);
    const [image = "", ...words] = invocation.args;
    let request: ContainerCreateRequest;
    try {
      checkPull(flags.pull);
      request = requestFromFlags(cli, {
        flags,
        changed: invocation.changed,
        image,
        command: words,
        consoleSize: [size?.rows ?? 0, size?.columns ?? 0],
      });
    } catch (error) {
      throw runError(error, 125);
    }
    if (flags.detach) {
      if (flags.attach.length > 0) {
        throw invalidArgument("conflicting options: cannot specify both --attach and --detach");
      }
      Object.assign(request, {
        AttachStdin: false,
        AttachStdout: false,
        AttachStderr: false,
        StdinOnce: false,
      });
    } else if (request.AttachStdin && flags.tty && !inputIsTerminal()) {
      throw invalidArgument("the input device is not a TTY");
    }
    const client = await wrapped(() => cli.client());
    const creating = wrapped(() =>
      createContainer(cli, client, request, {
        name: flags.name,
        platform: flags.platform,
        pull: flags.pull,
        quiet: flags.quiet,
        cidfile: flags.cidfile,
      }),
    );
    if (!request.AttachStdin && !request.AttachStdout && !request.AttachStderr) {
      return await runDetached(cli, client, await creating, flags.rm);
    }
    const parts = loadAttachParts();
    return await runAttached(cli, client, await creating, invocation, await parts, {
      stdin: request.AttachStdin ?? false,
      stdout: request.AttachStdout ?? false,
      stderr: request.AttachStderr ?? false,
    });
  },
});

async function runDetached(cli: Cli, client: Client, id: string, autoRemove: boolean): Promise<number> {
  try {
    await client.call("ContainerStart", { params: { id } });
  } catch (error) {
    if (autoRemove) await removed(client, id);
    cli.print(id);
    throw runError(error);
  }
  cli.print(id);
  return 0;
}

/** The daemon removes a container that could not be started; the client ends when that is done. */
async function removed(client: Client, id: string): Promise<void> {
  try {
    const messages = await client.messages("ContainerWait", {
      params: { id },
      query: { condition: "removed" },
    });
    for await (const _ of messages) return;
  } catch {
    // It is gone already.
  }
}

/** What an attached run needs besides: loaded while the container is created. */
async function loadAttachParts() {
  const [{ forwardSignals }, { attachBeforeStart }] = await Promise.all([
    import("../../container/signals.ts"),
    import("../../container/attach-before-start.ts"),
  ]);
  return { forwardSignals, attachBeforeStart };
}

async function runAttached(
  cli: Cli,
  client: Client,
  id: string,
  { flags }: Invocation<RunFlags>,
  { forwardSignals, attachBeforeStart }: Awaited<ReturnType<typeof loadAttachParts>>,
  streams: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean },
): Promise<number> {
  const detachKeys = flags["detach-keys"] || cli.config.detachKeys || "";
  using _signals = flags["sig-proxy"] ? forwardSignals(client, id) : undefined;
  const options = { id, streams, tty: flags.tty, detachKeys, autoRemove: flags.rm };
  const attached = await wrapped(() => attachBeforeStart(cli, client, options));
  try {
    await attached.start();
  } catch (error) {
    if (flags.rm) await attached.exited;
    throw runError(error);
  }
  return await attached.follow();
}
