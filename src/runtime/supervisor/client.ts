import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Emitter } from "../../base/async.ts";
import { sleep } from "../../base/async.ts";
import { messageOf, unavailable } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { ConnectionLost, ControlConnection } from "./control-connection.ts";
import { ExitStream } from "./exit-stream.ts";
import { Keeper } from "./keeper.ts";
import { connectOrLaunch } from "./launch.ts";
import {
  type Attached,
  type AttachRequest,
  type CheckpointRequest,
  type ConsoleSize,
  type ExecRequest,
  type Exit,
  type Hello,
  type Operation,
  type Operations,
  type ProcessStatus,
  protocolVersion,
  type ServerLine,
  type Started,
  type StartRequest,
  type Target,
  type Welcome,
} from "./protocol.ts";
import { fromWire, readFirstLine } from "./wire.ts";

export interface SupervisorClientOptions {
  /** Where the supervisor's socket is, and the folders of the containers. */
  execRoot: string;
  /** The command that starts a supervisor, without its arguments: `["/usr/bin/longshore-supervisor"]`. */
  command: readonly string[];
  log: Logger;
}

/** An attached stream: stdcopy frames (8-byte header) without a terminal, raw bytes with one. */
export interface Attachment extends Attached {
  /**
   * Ends when the process has ended and all its output was read. `end()` half-closes stdin; `destroy()` detaches. It
   * is paused: a `data` listener needs `resume()`.
   */
  stream: Duplex;
}

/**
 * dockerd's side of the supervisor. It connects, and starts a supervisor when none runs; when the supervisor dies, it
 * starts another one, which takes up the containers, and tells the exits of the meantime.
 */
export class SupervisorClient implements AsyncDisposable {
  #options: SupervisorClientOptions;
  #connection: ControlConnection | undefined;
  /** Pending while a lost connection is being made anew. */
  #connected: Promise<ControlConnection>;
  #supervisorPid = 0;
  #exits = new ExitStream();
  #keeper: Keeper;
  #disposed = false;

  private constructor(options: SupervisorClientOptions) {
    this.#options = options;
    this.#keeper = new Keeper(options.execRoot);
    this.#connected = this.#connect();
  }

  /** Throws `unavailable` when there is no supervisor and none can be started. */
  static async connect(options: SupervisorClientOptions): Promise<SupervisorClient> {
    const client = new SupervisorClient(options);
    await client.#connected;
    return client;
  }

  /**
   * Every exit, once for each client, also of what ended while nobody listened. The first listener hears all that
   * came before it.
   */
  get exits(): Emitter<Exit> {
    return this.#exits;
  }

  /** The process that supervises. */
  get supervisorPid(): number {
    return this.#supervisorPid;
  }

  async #connect(): Promise<ControlConnection> {
    for (;;) {
      const socket = await connectOrLaunch(this.#options.execRoot, this.#options.command);
      const { connection, welcome } = await ControlConnection.open(socket, {
        onExit: (exit) => this.#exited(exit),
        onClose: () => this.#lost(),
      });
      if (welcome.version !== protocolVersion) {
        await this.#replaceOther(connection, welcome);
        continue;
      }
      this.#connection = connection;
      this.#supervisorPid = welcome.pid;
      await this.#takeUp(connection, welcome);
      return connection;
    }
  }

  /** A supervisor of another release makes room for ours; while containers run, it stays. */
  async #replaceOther(connection: ControlConnection, welcome: Welcome): Promise<void> {
    try {
      await connection.call("shutdown", {});
      await connection.ended;
    } catch (error) {
      throw unavailable(
        `the supervisor (process ${welcome.pid}) is of another release and has containers: ${messageOf(error)}`,
        error,
      );
    } finally {
      connection.close();
    }
  }

  async #takeUp(connection: ControlConnection, welcome: Welcome): Promise<void> {
    for (const { target, fd } of this.#keeper.terminals()) {
      await connection.call("adoptConsole", { ...target, owner: process.pid, fd }).catch((error: unknown) => {
        this.#options.log.debug("a terminal is not needed any more", { ...target, error: messageOf(error) });
      });
    }
    for (const status of welcome.processes) {
      if (status.exit) this.#exited(status.exit);
      else if (status.pid > 0) this.#keeper.keep(welcome.pid, status);
    }
  }

  #lost(): void {
    if (this.#disposed || !this.#connection) return;
    this.#connection = undefined;
    this.#options.log.warn("the supervisor has ended; starting another one");
    this.#connected = this.#reconnect();
    this.#connected.catch(() => {}); // told to whoever calls next
  }

  async #reconnect(): Promise<ControlConnection> {
    for (let pause = 10; ; pause = Math.min(pause * 2, 2000)) {
      try {
        return await this.#connect();
      } catch (error) {
        if (this.#disposed) throw error;
        this.#options.log.error("no supervisor", { error: messageOf(error) });
        await sleep(pause);
      }
    }
  }

  #exited(exit: Exit): void {
    this.#exits.emit(this.#keeper.ended(exit));
  }

  async #call<Name extends Operation>(
    operation: Name,
    request: Operations[Name]["request"],
  ): Promise<Operations[Name]["response"]> {
    if (this.#disposed) throw unavailable("the supervisor's client is closed");
    const connection = await this.#connected;
    return connection.call(operation, request);
  }

  /** A request that may be sent again, to the next supervisor, when nobody knows what became of it. */
  async #callAgain<Name extends Operation>(
    operation: Name,
    request: Operations[Name]["request"],
  ): Promise<Operations[Name]["response"]> {
    for (;;) {
      try {
        return await this.#call(operation, request);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
      }
    }
  }

  /** A start: when its answer was lost with the supervisor, the next one knows what became of it. */
  async #callStart<Name extends "start" | "exec">(
    operation: Name,
    request: Operations[Name]["request"],
  ): Promise<Started> {
    try {
      return await this.#call(operation, request);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      const known = await this.list();
      const { id, execId }: Target = request;
      const status = known.find((one) => one.id === id && one.execId === execId);
      if (!status || status.pid === 0) throw error;
      return { pid: status.pid, startedAt: status.startedAt };
    }
  }

  /** All containers and execs that the supervisor knows: running ones, and ended ones that were not deleted yet. */
  list(): Promise<ProcessStatus[]> {
    return this.#callAgain("list", {});
  }

  /**
   * Creates and starts a container. Throws, in Docker's words, `invalidArgument` when its program cannot be executed
   * or its log options are wrong, `conflict` when it runs already, `internal` when the runtime failed otherwise.
   */
  async start(request: StartRequest): Promise<Started> {
    const started = await this.#callStart("start", request);
    const { id, tty } = request;
    this.#keep({ ...started, id, tty });
    return started;
  }

  /** Starts another process in a running container; errors as for `start`. Its stdin ends with its client's. */
  async exec(request: ExecRequest): Promise<Started> {
    const started = await this.#callStart("exec", request);
    const { id, execId, tty } = request;
    this.#keep({ ...started, id, execId, tty });
    return started;
  }

  /** What has ended already would be kept for ever. */
  #keep(status: ProcessStatus): void {
    if (!this.#exits.has(status)) this.#keeper.keep(this.#supervisorPid, status);
  }

  /** May be called before `start` or `exec` of the same id: then no byte is missed. */
  async attach(request: AttachRequest): Promise<Attachment> {
    await this.#connected;
    const socket = await connectOrLaunch(this.#options.execRoot, this.#options.command);
    const hello: Hello = { kind: "attach", ...request };
    socket.write(`${JSON.stringify(hello)}\n`);
    try {
      const line = JSON.parse(await readFirstLine(socket)) as ServerLine;
      if ("error" in line) throw fromWire(line.error);
      if (!("result" in line)) throw unavailable("the supervisor answered something else");
      return { ...(line.result as Attached), stream: quiet(socket) };
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** Throws `conflict` when it does not run. `all`: to every process of the container. */
  async kill(target: Target, signal: number, options: { all?: boolean } = {}): Promise<void> {
    await this.#call("kill", { ...target, signal, all: options.all ?? false });
  }

  /** The processes of a running container, as the host numbers them. */
  pids(id: string): Promise<number[]> {
    return this.#callAgain("pids", { id });
  }

  /** Throws `conflict` when it does not run. */
  async resize(target: Target, size: ConsoleSize): Promise<void> {
    await this.#callAgain("resize", { ...target, ...size });
  }

  async closeStdin(target: Target): Promise<void> {
    await this.#callAgain("closeStdin", target);
  }

  async pause(id: string): Promise<void> {
    await this.#call("pause", { id });
  }

  async resume(id: string): Promise<void> {
    await this.#call("resume", { id });
  }

  /** Writes a container's processes to the disk. Throws `unavailable` with CRIU's reason when it cannot. */
  async checkpoint(request: CheckpointRequest): Promise<void> {
    await this.#call("checkpoint", request);
  }

  /** Changes the limits of a running container: the specification's `linux.resources` object. */
  async update(id: string, resources: unknown): Promise<void> {
    await this.#callAgain("update", { id, resources });
  }

  /**
   * Removes what the runtime keeps of a container that has ended; its cgroup is gone after it. Clients that wait end.
   */
  async delete(id: string): Promise<void> {
    await this.#callAgain("delete", { id });
    this.#exits.forget(id);
  }

  /** Asks the supervisor to end; `conflict` while containers run. This client is closed then. */
  async shutdown(): Promise<void> {
    const connection = await this.#connected;
    await connection.call("shutdown", {});
    this.#disposed = true;
    await connection.ended;
    await this[Symbol.asyncDispose]();
  }

  /** Leaves the supervisor, which goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#connection?.close();
    this.#keeper[Symbol.dispose]();
  }
}

/** The peer's death is the stream's end, not an error that nobody listens for. */
function quiet(socket: Socket): Socket {
  socket.on("error", () => socket.destroy());
  return socket;
}
