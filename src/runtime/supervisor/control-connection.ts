import type { Socket } from "node:net";
import { nextTurn } from "../../base/async.ts";
import { EngineError } from "../../base/errors.ts";
import type { Exit, Operation, Operations, RequestLine, ServerLine, Welcome } from "./protocol.ts";
import { protocolVersion } from "./protocol.ts";
import { fromWire, LineBuffer } from "./wire.ts";

/** What requests are answered with when the supervisor is gone: nobody knows what became of them. */
export class ConnectionLost extends EngineError {
  constructor() {
    super("unavailable", "the connection to the supervisor was lost");
  }
}

/** dockerd's connection for requests and events; it lives as long as the supervisor does. */
export class ControlConnection {
  #socket: Socket;
  #number = 0;
  #pending = new Map<number, { resolve: (result: unknown) => void; reject: (error: unknown) => void }>();
  #welcome = Promise.withResolvers<Welcome>();
  #lines: ServerLine[] = [];
  #reading = false;
  #closed = false;
  #ended = Promise.withResolvers<void>();
  #listeners: { onExit: (exit: Exit) => void; onClose: () => void };

  private constructor(socket: Socket, listeners: { onExit: (exit: Exit) => void; onClose: () => void }) {
    this.#socket = socket;
    this.#listeners = listeners;
    const lines = new LineBuffer();
    socket.on("data", (piece: Buffer) => {
      try {
        this.#lines.push(...lines.push(piece).map((line) => JSON.parse(line) as ServerLine));
      } catch {
        socket.destroy(); // this is no supervisor of ours: `close` follows
      }
      void this.#read();
    });
    socket.on("error", () => {}); // `close` follows
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#close());
    socket.write(`${JSON.stringify({ kind: "control", version: protocolVersion })}\n`);
  }

  /** Says hello on a fresh socket, and owns it. Throws `unavailable`. */
  static async open(
    socket: Socket,
    listeners: { onExit: (exit: Exit) => void; onClose: () => void },
  ): Promise<{ connection: ControlConnection; welcome: Welcome }> {
    const connection = new ControlConnection(socket, listeners);
    const welcome = await connection.#welcome.promise;
    return { connection, welcome };
  }

  /** Whoever waits for an answer goes on before an exit that came right behind it: a kill is told before the death. */
  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      for (let answered = false, line = this.#lines.shift(); line; line = this.#lines.shift()) {
        if (answered && "event" in line) await nextTurn();
        answered = "answer" in line;
        this.#line(line);
      }
    } finally {
      this.#reading = false;
    }
  }

  #line(line: ServerLine): void {
    if ("welcome" in line) this.#welcome.resolve(line.welcome);
    else if ("event" in line) this.#listeners.onExit(line.exit);
    else {
      const request = this.#pending.get(line.answer);
      this.#pending.delete(line.answer);
      if ("error" in line) request?.reject(fromWire(line.error));
      else request?.resolve(line.result);
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const gone = new ConnectionLost();
    this.#welcome.promise.catch(() => {}); // whoever waited hears of it
    this.#welcome.reject(gone);
    for (const request of this.#pending.values()) request.reject(gone);
    this.#pending.clear();
    this.#listeners.onClose();
    this.#ended.resolve();
  }

  /** Resolves when the supervisor has closed the connection, or died. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Sends a request. Rejects with the supervisor's `EngineError`, or `ConnectionLost`. */
  call<Name extends Operation>(
    operation: Name,
    request: Operations[Name]["request"],
  ): Promise<Operations[Name]["response"]> {
    if (this.#closed) return Promise.reject(new ConnectionLost());
    const number = ++this.#number;
    const line: RequestLine = { number, operation, request };
    return new Promise((resolve, reject) => {
      this.#pending.set(number, { resolve: (result) => resolve(result as never), reject });
      this.#socket.write(`${JSON.stringify(line)}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
