import { chmodSync, existsSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { conflict, internal, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import {
  type AttachRequest,
  type Hello,
  type Operation,
  type Operations,
  protocolVersion,
  type RequestLine,
  type ServerLine,
} from "./protocol.ts";
import type { Supervisor } from "./supervisor.ts";
import { LineBuffer, readFirstLine, toWire } from "./wire.ts";

type Handlers = {
  [Name in Operation]: (
    request: Operations[Name]["request"],
  ) => Operations[Name]["response"] | Promise<Operations[Name]["response"]>;
};

export interface ServerOptions {
  socketPath: string;
  supervisor: Supervisor;
  log: Logger;
  /** False when the folder has been removed, and perhaps belongs to another supervisor by now. */
  ownsFolder: () => boolean;
  /** Called for each request that comes. */
  onRequest: () => void;
  /** dockerd asks for the end, and nothing runs. */
  onShutdown: () => void;
}

/** Answers dockerd on a unix socket that only its owner may use. */
export class SupervisorServer implements Disposable {
  #options: ServerOptions;
  #server: Server | undefined;
  #controls = new Set<Socket>();
  #handlers: Handlers;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#handlers = makeHandlers(options.supervisor, () => this.#shutdown());
    options.supervisor.exits.on((exit) => {
      this.#tell({ event: "exit", exit });
      // Without anybody who heard it, it is kept for the next welcome. Its clients see their ends before its files go.
      if (this.#controls.size > 0) setImmediate(() => options.supervisor.forgetExec(exit));
    });
  }

  /** Listens, in the place of a socket that an earlier supervisor has left. */
  async listen(): Promise<void> {
    const { socketPath } = this.#options;
    rmSync(socketPath, { force: true });
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#connected(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(socketPath, () => resolve());
    });
    chmodSync(socketPath, 0o600);
  }

  /** False when somebody has removed the socket, so that nobody could find this supervisor. */
  get isReachable(): boolean {
    return existsSync(this.#options.socketPath);
  }

  #connected(socket: Socket): void {
    socket.on("error", () => socket.destroy()); // the peer is gone
    this.#serve(socket).catch((error: unknown) => {
      this.#options.log.debug("a connection failed", { error: messageOf(error) });
      socket.destroy();
    });
  }

  async #serve(socket: Socket): Promise<void> {
    const hello = JSON.parse(await readFirstLine(socket)) as Hello;
    if (hello.kind === "attach") this.#attach(socket, hello);
    else this.#control(socket);
  }

  #attach(socket: Socket, request: AttachRequest): void {
    try {
      const { attached, begin } = this.#options.supervisor.attach(socket, request);
      socket.write(`${JSON.stringify({ answer: 0, result: attached } satisfies ServerLine)}\n`);
      begin();
    } catch (error) {
      socket.end(`${JSON.stringify({ answer: 0, error: toWire(error) } satisfies ServerLine)}\n`);
    }
  }

  #control(socket: Socket): void {
    const lines = new LineBuffer();
    const { supervisor } = this.#options;
    const processes = supervisor.list();
    send(socket, { welcome: { version: protocolVersion, pid: process.pid, processes } });
    for (const { exit } of processes) if (exit) supervisor.forgetExec(exit);
    this.#controls.add(socket);
    socket.on("data", (piece: Buffer) => {
      try {
        for (const line of lines.push(piece)) void this.#request(socket, JSON.parse(line) as RequestLine);
      } catch (error) {
        this.#options.log.error("a client does not speak the protocol", { error: messageOf(error) });
        socket.destroy();
      }
    });
    socket.on("end", () => socket.end());
    socket.on("close", () => this.#controls.delete(socket));
    socket.resume();
  }

  async #request(socket: Socket, { number, operation, request }: RequestLine): Promise<void> {
    this.#options.onRequest();
    try {
      const handler = this.#handlers[operation] as ((request: unknown) => unknown) | undefined;
      if (!handler) throw internal(`the supervisor does not know the operation ${operation}`);
      const result = (await handler(request)) ?? null;
      send(socket, { answer: number, result });
    } catch (error) {
      send(socket, { answer: number, error: toWire(error) });
    }
  }

  #tell(line: ServerLine): void {
    for (const socket of this.#controls) send(socket, line);
  }

  #shutdown(): null {
    if (this.#options.supervisor.isBusy) throw conflict("containers are running");
    // After the answer has been sent.
    setImmediate(() => this.#options.onShutdown());
    return null;
  }

  [Symbol.dispose](): void {
    // Closing removes the socket's file, whosever it is.
    if (this.#options.ownsFolder()) this.#server?.close();
    // Whoever waits for the end hears of it now: nothing is touched after this.
    for (const socket of this.#controls) socket.destroy();
  }
}

function send(socket: Socket, line: ServerLine): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(line)}\n`);
}

function makeHandlers(supervisor: Supervisor, shutdown: () => null): Handlers {
  const done = async (work: Promise<void> | undefined): Promise<null> => {
    await work;
    return null;
  };
  return {
    start: (request) => supervisor.start(request),
    exec: (request) => supervisor.exec(request),
    list: () => supervisor.list(),
    pids: ({ id }) => supervisor.pids(id),
    kill: (request) => {
      supervisor.kill(request, request.signal, request.all ?? false);
      return null;
    },
    resize: (request) => {
      supervisor.resize(request, request);
      return null;
    },
    closeStdin: (request) => {
      supervisor.closeStdin(request);
      return null;
    },
    adoptConsole: (request) => {
      supervisor.adoptConsole(request, request.owner, request.fd);
      return null;
    },
    delete: ({ id }) => done(supervisor.delete(id)),
    pause: ({ id }) => done(supervisor.pause(id)),
    resume: ({ id }) => done(supervisor.resume(id)),
    checkpoint: (request) => done(supervisor.checkpoint(request)),
    update: ({ id, resources }) => done(supervisor.update(id, resources)),
    shutdown,
  };
}
