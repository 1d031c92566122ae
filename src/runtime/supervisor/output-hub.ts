import type { Socket } from "node:net";
import { AttachedClient } from "./attached-client.ts";
import type { AttachRequest } from "./protocol.ts";

export type OutputStream = "stdout" | "stderr";

const headerLength = 8;
const streamNumber = { stdout: 1, stderr: 2 } as const;

/** A frame of the Engine API's multiplexed stream: stream, three zeros, length (big endian), payload. A copy. */
export function frame(stream: OutputStream, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headerLength + payload.length);
  bytes.writeUInt32BE(streamNumber[stream] << 24, 0);
  bytes.writeUInt32BE(payload.length, 4);
  bytes.set(payload, headerLength);
  return bytes;
}

/**
 * The clients that are attached to one process, or that wait for it to be started. Each byte goes to all of them that
 * want its stream.
 */
export class OutputHub {
  #clients = new Set<AttachedClient>();
  #finished = false;
  #hurry = false;
  /** True when the process has a terminal: no frames then. Set before anything is written. */
  tty = false;
  /** Where clients that are slow may have a file. */
  spoolDirectory: string;
  /** Called when no client holds the process up any more. */
  onUnblocked: () => void = () => {};
  /** Called when the last client has gone. */
  onEmpty: () => void = () => {};

  constructor(spoolDirectory: string) {
    this.spoolDirectory = spoolDirectory;
  }

  /** From now on, `socket` gets the output. */
  add(socket: Socket, request: Pick<AttachRequest, "stdout" | "stderr">): AttachedClient {
    const client = new AttachedClient(socket, {
      stdout: request.stdout,
      stderr: request.stderr,
      spoolDirectory: this.spoolDirectory,
      inHurry: () => this.#hurry || this.#clients.size > 1,
      onUnblocked: () => this.#unblocked(),
    });
    this.#clients.add(client);
    socket.on("close", () => {
      this.#clients.delete(client);
      this.#unblocked();
      if (this.#clients.size === 0) this.onEmpty();
    });
    if (this.#finished) client.finish();
    return client;
  }

  /** Gives `chunk`, which may change afterwards, to the clients. */
  write(stream: OutputStream, chunk: Uint8Array): void {
    let bytes: Buffer | undefined;
    for (const client of this.#clients) {
      if (!client[stream]) continue;
      bytes ??= this.tty ? Buffer.from(chunk) : frame(stream, chunk);
      client.send(bytes);
    }
  }

  get isEmpty(): boolean {
    return this.#clients.size === 0;
  }

  /** True while nothing more may be read from the process, since a client has to catch up first. */
  get blocked(): boolean {
    for (const client of this.#clients) if (client.blocked) return true;
    return false;
  }

  #unblocked(): void {
    if (!this.blocked) this.onUnblocked();
  }

  /** The process has ended: what it has written is taken at once, however slow the clients are. */
  hurry(): void {
    this.#hurry = true;
    this.onUnblocked();
  }

  /** All output was written: the clients' streams end. */
  finish(): void {
    this.#finished = true;
    for (const client of this.#clients) client.finish();
  }
}
