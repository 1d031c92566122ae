import { invalidArgument } from "../../../base/errors.ts";
import { atLeast, command } from "../../command.ts";
import { checkEnv } from "../../container/checks.ts";
import { readEnvironment } from "../../container/environment.ts";
import { copyStreams } from "../../container/stream-io.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";
import { inputIsTerminal } from "../../streams.ts";

const flags = {
  detach: flag.bool("Let the command run in the background", { short: "d" }),
  "detach-keys": flag.string("Keys that leave the command running"),
  env: flag.list("Set an environment variable", { short: "e", check: checkEnv, since: "1.25" }),
  "env-file": flag.list("File with environment variables to set", { since: "1.25" }),
  interactive: flag.bool("Keep standard input open, attached or not", { short: "i" }),
  privileged: flag.bool("Give the command all rights over the machine"),
  tty: flag.bool("Give the command a terminal", { short: "t" }),
  user: flag.string("User to run as (<name|uid>[:<group|gid>])", { short: "u" }),
  workdir: flag.string("Working directory", { short: "w", since: "1.35" }),
};

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  args: atLeast(2),
  flags,
  interspersed: false,
  run: async (cli, { args, flags }) => {
    const [id = "", ...Cmd] = args;
    const stdin = flags.interactive;
    const Env = readEnvironment(flags["env-file"], flags.env);
    const detachKeys = flags["detach-keys"] || cli.config.detachKeys || "";
    const client = await cli.client();
    // Before anything is made: a command that nobody can talk to would stay behind.
    if (!flags.detach && stdin && flags.tty && !inputIsTerminal()) {
      await client.call("ContainerInspect", { params: { id } });
      throw invalidArgument("the input device is not a TTY");
    }
    const terminal = flags.tty && cli.out.isTerminal ? await import("../../../linux/terminal.ts") : undefined;
    const size = terminal?.terminalSize(cli.out.fd);
    const ConsoleSize = size && !flags.detach ? { ConsoleSize: [size.rows, size.columns] } : {};
    const { Id: execId } = await client.call("ContainerExec", {
      params: { id },
      body: {
        User: flags.user,
        Privileged: flags.privileged,
        Tty: flags.tty,
        AttachStdin: !flags.detach && stdin,
        AttachStdout: !flags.detach,
        AttachStderr: !flags.detach,
        DetachKeys: detachKeys,
        ...(Env.length > 0 ? { Env } : {}),
        WorkingDir: flags.workdir,
        Cmd,
        ...ConsoleSize,
      },
    });
    if (execId === "") throw invalidArgument("exec ID empty");
    const connection = await client.hijack("ExecStart", {
      params: { id: execId },
      body: { Detach: flags.detach, Tty: flags.tty, ...ConsoleSize },
    });
    if (flags.detach) {
      connection.close();
      return 0;
    }
    using _size =
      flags.tty && cli.out.isTerminal
        ? await (await import("../../container/resize.ts")).followSize(client, "exec", execId, cli.out.fd)
        : undefined;
    const streams = { stdin, stdout: true, stderr: true, tty: flags.tty };
    if ((await copyStreams(connection, { ...streams, detachKeys, cli })) === "detached") {
      throw new StatusError(1, "read escape sequence");
    }
    const { ExitCode } = await client.call("ExecInspect", { params: { id: execId } });
    return ExitCode ?? 0;
  },
});
