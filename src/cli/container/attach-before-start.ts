import type { Client } from "../../client/client.ts";
import type { Cli } from "../cli.ts";
import { copyStreams } from "./stream-io.ts";
import { beginWait } from "./wait-exit.ts";

export interface AttachOptions {
  readonly id: string;
  readonly streams: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  readonly tty: boolean;
  readonly detachKeys: string;
  /** The container is removed when it ends: that is waited for, too. */
  readonly autoRemove: boolean;
  /** What it goes on from. */
  readonly checkpoint?: { readonly checkpoint?: string; readonly "checkpoint-dir"?: string };
}

/** A container whose streams are connected, and that is still to be started. */
export interface AttachedContainer {
  /** The exit code, when it has ended. */
  readonly exited: Promise<number>;
  /** Rejects, with the connection closed, when it cannot be started. */
  start(): Promise<void>;
  /** To be called when it is started. Resolves to its exit code, or to 0 when the user has left it running. */
  follow(): Promise<number>;
}

/** Attaches and waits before the start, so that no output and no exit code is missed. */
export async function attachBeforeStart(
  cli: Cli,
  client: Client,
  { id, streams, tty, detachKeys, autoRemove, checkpoint }: AttachOptions,
): Promise<AttachedContainer> {
  const [connection, { exited }] = await Promise.all([
    client.hijack("ContainerAttach", {
      params: { id },
      query: { stream: true, ...streams, detachKeys: detachKeys || undefined },
    }),
    beginWait(cli, client, id, autoRemove),
  ]);
  const copied = copyStreams(connection, { ...streams, tty, detachKeys, cli });
  // Where the start fails, that is the error to show.
  copied.catch(() => {});
  return {
    exited,
    start: async () => {
      try {
        await client.call("ContainerStart", { params: { id }, query: { ...checkpoint } });
      } catch (error) {
        connection.close();
        await copied.catch(() => {});
        throw error;
      }
    },
    follow: async () => {
      using _size =
        tty && cli.out.isTerminal
          ? await (await import("./resize.ts")).followSize(client, "container", id, cli.out.fd)
          : undefined;
      if ((await copied) === "detached") return 0;
      return await exited;
    },
  };
}
