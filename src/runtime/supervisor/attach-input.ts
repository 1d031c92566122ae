import type { Socket } from "node:net";
import type { InputWriter } from "./input-writer.ts";

/** What one attached client sends: to the stdin of a process that runs, or, later, of one that is to be started. */
export class AttachInput {
  #socket: Socket;
  #wanted: boolean;

  /** `wanted`: the client asked for stdin. Otherwise what it sends is dropped. */
  constructor(socket: Socket, wanted: boolean) {
    this.#socket = socket;
    this.#wanted = wanted;
    if (!wanted) socket.resume();
  }

  /** Connects it with a process; without a writer, the process has no stdin. */
  bind(writer: InputWriter | undefined, endsWithClient: boolean): void {
    if (!this.#wanted) return;
    if (!writer) {
      this.#socket.resume();
      return;
    }
    let done = false;
    const finish = () => {
      if (done) return;
      done = true;
      if (endsWithClient) writer.end();
    };
    this.#socket.on("data", (bytes: Buffer) => {
      writer.write(bytes);
      if (!writer.isFull) return;
      this.#socket.pause();
      writer.onDrain(() => this.#socket.resume());
    });
    this.#socket.on("end", finish).on("close", finish);
    if (this.#socket.readableEnded || this.#socket.destroyed) finish();
    this.#socket.resume();
  }
}
