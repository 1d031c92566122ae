/**
 * What dockerd and the supervisor say to each other, as JSON lines over a unix socket. A connection begins with one
 * `Hello` line: `control` connections go on with requests, answers and events, `attach` connections with raw bytes.
 */
import type { ErrorCode } from "../../base/errors.ts";

/** Raised when either side could misunderstand the other. */
export const protocolVersion = 1;

/** The OCI runtime that runs a container. */
export interface RuntimeBinary {
  /** What the user calls it: `crun`, `runc`, or a name of `--add-runtime`. */
  name: string;
  /** Absolute path of its executable. */
  path: string;
  /** Arguments that stand before the command (`runtimeArgs` of daemon.json). */
  arguments: string[];
  /** True for crun, which needs special care on hosts with cgroups v1 and v2 side by side. */
  isCrun: boolean;
}

export interface LogConfig {
  /** `json-file`, `local`, `journald`, `syslog`, or `none`. */
  driver: string;
  /** Where what `docker logs` reads is; rotated files stand beside it (`.1`, `.2`, …). */
  path: string;
  /** As the user gave them. */
  options: Record<string, string>;
  /** What a syslog or a journal calls the container. */
  tag?: string;
  /** What a journal tells of it. */
  source?: { id: string; name: string; image: string };
  /** Written into every line as `attrs` (labels, env, tag); absent when there are none. */
  attributes?: Record<string, string>;
}

/** What CRIU calls the FIFOs of a container in the images of a checkpoint. */
export interface StdioNames {
  stdin?: string;
  stdout: string;
  stderr: string;
}

/** What stands beside the images of a checkpoint, in its `config.json`. */
export interface CheckpointConfig {
  /** RFC 3339. */
  created: string;
  name: string;
  /** The container was ended. */
  exit: boolean;
  stdio: StdioNames;
}

export interface CheckpointRequest {
  id: string;
  /** The folder that is made, when all of it is there. */
  directory: string;
  name: string;
  leaveRunning: boolean;
}

export interface ConsoleSize {
  height: number;
  width: number;
}

export interface StartRequest {
  id: string;
  /** The folder with config.json. */
  bundle: string;
  runtime: RuntimeBinary;
  tty: boolean;
  openStdin: boolean;
  /** Close the container's stdin when the first attached client that sends stdin has ended. */
  stdinOnce: boolean;
  log: LogConfig;
  /** The folder of a checkpoint that it goes on from. */
  checkpoint?: string;
  /** The first size of its terminal. */
  consoleSize?: ConsoleSize;
}

/** A terminal's master in the supervisor, so that others can duplicate it (`pidfd_getfd`). */
export interface Console {
  fd: number;
  /** The number of the terminal, to tell that `fd` is still the same file. */
  pty: number;
}

export interface Started {
  /** Of the init process, in the supervisor's (the host's) pid namespace. */
  pid: number;
  /** Nanoseconds since 1970, decimal. */
  startedAt: string;
  console?: Console;
}

export interface ExecRequest {
  /** The container, which must run. */
  id: string;
  execId: string;
  /** The OCI runtime specification's `process` object. */
  processSpec: object;
  runtime: RuntimeBinary;
  tty: boolean;
  openStdin: boolean;
  consoleSize?: ConsoleSize;
}

/** How a process ended. */
export interface Exit {
  id: string;
  /** Absent when it is the container's init process. */
  execId?: string;
  pid: number;
  /** The exit code; 128 + signal when a signal ended it; 255 when nobody could see it. */
  exitCode: number;
  /** The signal that ended it, 0 when none did. */
  signal: number;
  /** True when the kernel killed a process of the container for lack of memory. */
  oomKilled: boolean;
  /** Nanoseconds since 1970, decimal. */
  finishedAt: string;
  /** It ended while no supervisor ran, so that the code is a guess. */
  unseen?: boolean;
}

export interface ProcessStatus {
  id: string;
  execId?: string;
  /** 0 while it is being started. */
  pid: number;
  startedAt: string;
  tty: boolean;
  console?: Console;
  /** Present when it has ended. */
  exit?: Exit;
}

/** Where in the log an attached stream begins: what stands before it is to be replayed from there. */
export interface LogPosition {
  inode: number;
  offset: number;
}

export interface AttachRequest {
  id: string;
  execId?: string;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /**
   * The caller will show the log up to `Attached.logPosition` first: the stream begins with what was read from lines
   * that are not logged yet because their ends have not come.
   */
  replay?: boolean;
}

export interface Attached {
  /** Absent when nothing is logged (an exec, the driver `none`, not started yet). */
  logPosition?: LogPosition;
}

export interface Target {
  id: string;
  execId?: string;
}

/** The requests of a control connection, with what they answer. */
export interface Operations {
  start: { request: StartRequest; response: Started };
  exec: { request: ExecRequest; response: Started };
  list: { request: Record<string, never>; response: ProcessStatus[] };
  kill: { request: Target & { signal: number; all?: boolean }; response: null };
  resize: { request: Target & ConsoleSize; response: null };
  closeStdin: { request: Target; response: null };
  delete: { request: { id: string }; response: null };
  pause: { request: { id: string }; response: null };
  resume: { request: { id: string }; response: null };
  update: { request: { id: string; resources: unknown }; response: null };
  /** Writes the processes of a container to the disk; they end with it, unless it is to run on. */
  checkpoint: { request: CheckpointRequest; response: null };
  /** The processes in the container's cgroup, as the host numbers them. */
  pids: { request: { id: string }; response: number[] };
  /** Gives a supervisor that adopted a container the pty master that process `owner` holds as `fd`. */
  adoptConsole: { request: Target & { owner: number; fd: number }; response: null };
  /** Ends the supervisor; `conflict` while containers run. */
  shutdown: { request: Record<string, never>; response: null };
}
export type Operation = keyof Operations;

export type Hello = { kind: "control"; version: number } | ({ kind: "attach" } & AttachRequest);

/** The supervisor's first line on a control connection. */
export interface Welcome {
  version: number;
  pid: number;
  processes: ProcessStatus[];
}

export interface WireError {
  code: ErrorCode;
  message: string;
}

export type ServerLine =
  | { welcome: Welcome }
  | { answer: number; result: unknown }
  | { answer: number; error: WireError }
  | { event: "exit"; exit: Exit };

export interface RequestLine {
  number: number;
  operation: Operation;
  request: unknown;
}
