import type { Duplex, Readable, Transform } from "node:stream";
import { conflict } from "../base/errors.ts";
import { readLogs } from "../runtime/logs/reader.ts";
import type { Attachment } from "../runtime/supervisor/client.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { DetachScanner, detachKeysOf } from "./detach-keys.ts";
import { readableLog } from "./log-config.ts";
import { LogFrames } from "./log-frames.ts";

export interface AttachOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Replay what was logged before. */
  logs: boolean;
  /** Go on with what comes. */
  stream: boolean;
  /** Empty for the default. */
  detachKeys: string;
}

/**
 * Connects a client to a container's streams, until the container ends, the client leaves, or the detach keys are
 * pressed. `takeOver` answers the request and gives the raw connection. Throws `conflict`, `invalidArgument` before.
 */
export async function attachToContainer(
  deps: ContainerDeps,
  container: Container,
  options: AttachOptions,
  takeOver: () => Duplex,
): Promise<void> {
  const { status } = container.state;
  if (status === "paused")
    throw conflict(`container ${container.id} is paused, unpause the container before attach`);
  if (status === "restarting") {
    throw conflict(`container ${container.id} is restarting, wait until the container is running`);
  }
  const keys = detachKeysOf(options.detachKeys, "detach");
  const stdin = options.stdin && (container.spec.config.OpenStdin ?? false);
  const attachment =
    options.stream && (stdin || options.stdout || options.stderr)
      ? await deps.supervisor.attach({
          id: container.id,
          stdin,
          stdout: options.stdout,
          stderr: options.stderr,
          replay: options.logs,
        })
      : undefined;
  const connection = takeOver();
  deps.events("attach", container, {});
  if (options.logs) await replay(deps, container, options, attachment, connection);
  if (!attachment) {
    connection.end();
    return;
  }
  const tty = container.spec.config.Tty ?? false;
  await joinStreams(connection, attachment.stream, {
    ...(tty ? { keys } : {}),
    stdin,
    onDetach: () => deps.events("detach", container, {}),
  });
}

async function replay(
  deps: ContainerDeps,
  container: Container,
  options: AttachOptions,
  attachment: Attachment | undefined,
  connection: Duplex,
): Promise<void> {
  const path = readableLog(deps.roots, container);
  if (path === undefined) return;
  const lines = readLogs({
    path,
    stdout: options.stdout,
    stderr: options.stderr,
    ...(attachment?.logPosition ? { end: attachment.logPosition } : {}),
  });
  const frames = new LogFrames({ tty: container.spec.config.Tty ?? false });
  for await (const records of lines) {
    if (!connection.write(frames.encode(records))) await drained(connection);
  }
}

function drained(connection: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      connection.off("drain", done);
      connection.off("close", done);
      resolve();
    };
    connection.once("drain", done);
    connection.once("close", done);
  });
}

export interface JoinOptions {
  keys?: Uint8Array;
  stdin: boolean;
  onDetach: () => void;
  settled?: Promise<void>;
  /** What the process writes goes through it. */
  output?: Transform;
}

/**
 * Copies both ways. Resolves when the process's side has ended or the client is gone. The client's half-close becomes
 * the end of stdin while output flows on. The client sees the end when `settled` has resolved, too.
 */
export function joinStreams(connection: Duplex, process: Duplex, options: JoinOptions): Promise<void> {
  const output = options.output ? process.pipe(options.output) : process;
  return new Promise((resolve) => {
    const finish = () => {
      process.destroy();
      connection.end();
      resolve();
    };
    const ended = () => void (options.settled ?? Promise.resolve()).then(finish);
    process.on("error", finish);
    connection.on("error", finish).on("close", finish);
    // Bun tells the end of a socket that gave nothing even while it is paused: before anybody here listens.
    if (process.readableEnded) return ended();
    if (process.destroyed || connection.destroyed) return finish();
    output.on("end", ended);
    output.pipe(connection, { end: false });
    if (!options.stdin) {
      connection.resume();
      return;
    }
    let input: Readable = connection;
    if (options.keys) {
      const scanner = new DetachScanner(options.keys, () => {
        options.onDetach();
        finish();
      });
      input = connection.pipe(scanner);
    }
    input.pipe(process);
  });
}
