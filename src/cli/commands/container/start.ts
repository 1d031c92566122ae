import { invalidArgument, messageOf } from "../../../base/errors.ts";
import { checkpointDirFlag } from "../../checkpoint-dir-flag.ts";
import type { Cli } from "../../cli.ts";
import { atLeast, command, type Invocation } from "../../command.ts";
import { StatusError } from "../../exit.ts";
import { type FlagValues, flag } from "../../flags.ts";

const flags = {
  attach: flag.bool("Connect to the container's output, and send signals on to it", { short: "a" }),
  checkpoint: flag.string("Go on from this checkpoint"),
  "checkpoint-dir": checkpointDirFlag,
  "detach-keys": flag.string("Keys that leave the container running"),
  interactive: flag.bool("Connect to the container's input", { short: "i" }),
};
type StartFlags = typeof flags;

export default command<StartFlags>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  flags,
  run: async (cli, invocation) => {
    const { args, flags } = invocation;
    // Keys make no sense for what is not connected; the Go client ignores them, too.
    if (flags.attach || flags.interactive) {
      if (args.length > 1) throw invalidArgument("you cannot start and attach multiple containers at once");
      return await startAttached(cli, invocation);
    }
    if (flags.checkpoint === "") return await startAll(cli, args);
    if (args.length > 1) throw invalidArgument("you cannot restore multiple containers at once");
    const client = await cli.client();
    await client.call("ContainerStart", { params: { id: args[0] ?? "" }, query: checkpointOf(flags) });
    return 0;
  },
});

function checkpointOf(flags: FlagValues<StartFlags>) {
  return {
    ...(flags.checkpoint && { checkpoint: flags.checkpoint }),
    ...(flags["checkpoint-dir"] && { "checkpoint-dir": flags["checkpoint-dir"] }),
  };
}

async function startAll(cli: Cli, names: readonly string[]): Promise<number> {
  const client = await cli.client();
  const failed: string[] = [];
  for (const id of names) {
    try {
      await client.call("ContainerStart", { params: { id } });
      cli.print(id);
    } catch (error) {
      cli.printError(messageOf(error));
      failed.push(id);
    }
  }
  if (failed.length > 0) {
    throw new StatusError(1, `Error: failed to start containers: ${failed.join(", ")}`);
  }
  return 0;
}

async function startAttached(cli: Cli, { args, flags }: Invocation<StartFlags>): Promise<number> {
  const client = await cli.client();
  const {
    Id: id,
    Config,
    HostConfig,
  } = await client.call("ContainerInspect", { params: { id: args[0] ?? "" } });
  const tty = Config.Tty ?? false;
  const stdin = flags.interactive && (Config.OpenStdin ?? false);
  const { forwardSignals } = await import("../../container/signals.ts");
  const { attachBeforeStart } = await import("../../container/attach-before-start.ts");
  const detachKeys = flags["detach-keys"] || cli.config.detachKeys || "";
  using _signals = tty ? undefined : forwardSignals(client, id);
  const attached = await attachBeforeStart(cli, client, {
    id,
    streams: { stdin, stdout: true, stderr: true },
    tty,
    detachKeys,
    autoRemove: HostConfig.AutoRemove ?? false,
    checkpoint: checkpointOf(flags),
  });
  await attached.start();
  return await attached.follow();
}
