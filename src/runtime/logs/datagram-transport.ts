import { sleep } from "../../base/async.ts";
import type { UnixDatagram } from "../../linux/unix-datagram.ts";
import type { LogTransport } from "./remote-log.ts";

/** How long until a receiver without room is tried again: doubled up to the longest. Milliseconds. */
const retry = { first: 1, longest: 64 };

/** Messages as datagrams to a unix socket. A receiver that reads slowly is waited for. */
export class DatagramTransport implements LogTransport {
  #connect: () => UnixDatagram;
  #socket: UnixDatagram | undefined;
  #closed = false;

  constructor(connect: () => UnixDatagram) {
    this.#connect = connect;
  }

  async open(): Promise<void> {
    this.#socket ??= this.#connect();
  }

  async send(messages: readonly Buffer[]): Promise<void> {
    for (const message of messages) {
      try {
        await this.#sendOne(message);
      } catch {
        // The receiver was started anew, and has another socket.
        this.#socket?.[Symbol.dispose]();
        this.#socket = undefined;
        await this.#sendOne(message);
      }
    }
  }

  async #sendOne(message: Buffer): Promise<void> {
    await this.open();
    for (let pause = retry.first; !this.#closed; pause = Math.min(2 * pause, retry.longest)) {
      if (this.#socket?.send(message)) return;
      await sleep(pause);
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }
}
