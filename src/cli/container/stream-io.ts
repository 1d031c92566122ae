import { errnoOf } from "../../base/errors.ts";
import type { Hijacked } from "../../client/client.ts";
import type { Cli } from "../cli.ts";
import { inputIsTerminal } from "../streams.ts";
import { Demultiplexer } from "./demultiplex.ts";
import { DetachWatch, defaultDetachKeys, parseDetachKeys } from "./detach-keys.ts";

/** What to connect to a container. */
export interface StreamOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
  /** As the user wrote them; empty for those of Docker. */
  readonly detachKeys: string;
  /** Signals are sent on to the container as signals, so that keys need not be watched for them. */
  readonly cli: Cli;
}

/** How it ended: the output came to its end, or the user detached. */
export type Ending = "end" | "detached";

/**
 * Copies between this process's streams and a container's connection until the container's output ends or the user
 * types the detach keys. A terminal is in raw mode meanwhile.
 */
export async function copyStreams(connection: Hijacked, options: StreamOptions): Promise<Ending> {
  const raw = options.tty && options.stdin && inputIsTerminal();
  using restore = raw ? await rawTerminal() : undefined;
  const detached = Promise.withResolvers<Ending>();
  if (options.stdin) {
    // The output decides when all is over: an input that fails only ends the sending.
    sendInput(connection, options).then((how) => {
      if (how === "detached") detached.resolve("detached");
    }, detached.reject);
  }
  try {
    return await Promise.race([receiveOutput(connection, options), detached.promise]);
  } finally {
    connection.close();
    restore?.[Symbol.dispose]();
  }
}

async function rawTerminal(): Promise<Disposable> {
  const { makeRaw } = await import("../../linux/terminal.ts");
  const restore = makeRaw(0);
  // Whatever ends the process, the terminal is left as it was.
  process.on("exit", () => restore[Symbol.dispose]());
  return restore;
}

async function sendInput(connection: Hijacked, options: StreamOptions): Promise<Ending> {
  const watch = options.tty ? new DetachWatch(detachKeysOf(options.detachKeys)) : undefined;
  try {
    for await (const chunk of Bun.stdin.stream()) {
      const { send, detached } = watch ? watch.push(chunk) : { send: chunk, detached: false };
      if (send.length > 0) await connection.write(send);
      if (detached) return "detached";
    }
  } catch (error) {
    // A terminal that went away, or a container that no longer reads: there is no more input.
    if (errnoOf(error) === "EIO") connection.closeWrite();
    return "end";
  }
  connection.closeWrite();
  return "end";
}

function detachKeysOf(text: string): readonly number[] {
  return text === "" ? defaultDetachKeys : parseDetachKeys(text);
}

async function receiveOutput(connection: Hijacked, options: StreamOptions): Promise<Ending> {
  const { out, err } = options.cli;
  if (options.tty) {
    for await (const bytes of connection) if (options.stdout || options.stderr) out.write(bytes);
    return "end";
  }
  const frames = new Demultiplexer();
  for await (const chunk of connection) {
    for (const { stream, bytes } of frames.push(chunk)) {
      if (stream === 1 && options.stdout) out.write(bytes);
      else if (stream > 1 && options.stderr) err.write(bytes);
    }
  }
  return "end";
}
