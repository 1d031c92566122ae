import type { Duplex } from "node:stream";
import type { Emitter } from "../../base/async.ts";
import type { Logger } from "../../base/log.ts";
import type {
  Attached,
  AttachRequest,
  ConsoleSize,
  ExecRequest,
  Exit,
  ProcessStatus,
  Started,
  StartRequest,
  Target,
} from "./protocol.ts";

export interface SupervisorClientOptions {
  /** Where supervisor.sock, supervisor.lock, supervisor.log and containers/ are. */
  execRoot: string;
  /** The command that starts a supervisor, without its arguments: `["/usr/bin/longshore-supervisor"]`. */
  command: readonly string[];
  log: Logger;
}

/** An attached stream: stdcopy frames (8-byte header) without a terminal, raw bytes with one. */
export interface Attachment extends Attached {
  /** Ends when the process has ended and all its output was read. `end()` half-closes stdin; `destroy()` detaches. */
  stream: Duplex;
}

/**
 * dockerd's side of the supervisor. It connects, and starts a supervisor when none runs; when the supervisor dies, it
 * starts another one, which adopts the containers, and tells exits of the meantime.
 */
export declare class SupervisorClient implements AsyncDisposable {
  private constructor();
  static connect(options: SupervisorClientOptions): Promise<SupervisorClient>;
  /** Every exit, once for each client, also of what ended while nobody listened. */
  readonly exits: Emitter<Exit>;
  /** All containers and execs that the supervisor knows: running ones, and ended ones that were not deleted yet. */
  list(): Promise<ProcessStatus[]>;
  start(request: StartRequest): Promise<Started>;
  exec(request: ExecRequest): Promise<Started>;
  /** May be called before `start` or `exec` of the same id: then no byte is missed. */
  attach(request: AttachRequest): Promise<Attachment>;
  kill(target: Target, signal: number, options?: { all?: boolean }): Promise<void>;
  resize(target: Target, size: ConsoleSize): Promise<void>;
  closeStdin(target: Target): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  update(id: string, resources: unknown): Promise<void>;
  /** Removes what the runtime keeps of a container that has ended; its cgroup is gone after it. */
  delete(id: string): Promise<void>;
  /** Asks the supervisor to end; `conflict` while containers run. */
  shutdown(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
