import { connect } from "node:net";
import { invalidArgument } from "../../../base/errors.ts";
import { command, noArguments } from "../../command.ts";

/** The far end of `ssh://` addresses: bytes between this process's streams and the daemon's socket. */
export default command({
  usage: "",
  args: noArguments,
  flags: {},
  run: async (cli) => {
    const { host, tls } = cli.endpoint;
    const url = /^(unix|tcp):\/\/(.*)$/.exec(host);
    if (!url || tls)
      throw invalidArgument(`failed to open the raw stream connection: unsupported address ${host}`);
    const [, scheme, rest = ""] = url;
    const port = rest.lastIndexOf(":");
    const socket =
      scheme === "unix"
        ? connect({ path: rest, allowHalfOpen: true })
        : connect({ host: rest.slice(0, port), port: Number(rest.slice(port + 1)), allowHalfOpen: true });
    const done = new Promise<void>((resolve, reject) => {
      socket.on("data", (bytes: Uint8Array) => cli.out.write(bytes));
      socket.on("end", resolve);
      socket.on("error", reject);
    });
    (async () => {
      for await (const chunk of Bun.stdin.stream()) {
        if (!socket.write(chunk)) await new Promise((resolve) => socket.once("drain", resolve));
      }
      socket.end();
    })().catch(() => socket.destroy());
    await done;
    return 0;
  },
});
