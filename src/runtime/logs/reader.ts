import type { LogPosition } from "../supervisor/protocol.ts";

export interface ReadLogsOptions {
  /** The current json-file; rotated ones stand beside it. */
  path: string;
  stdout: boolean;
  stderr: boolean;
  /** Only lines at or after this time, in nanoseconds since 1970. */
  since?: bigint;
  /** Only lines at or before this time. */
  until?: bigint;
  /** Only the last so many lines; all when absent. */
  tail?: number;
  /** Go on with what is written later, until this resolves (the container has ended) and all was read. */
  follow?: Promise<unknown>;
  /** Stop at this place (where an attached stream begins). */
  end?: LogPosition;
  /** Stops following at once. */
  signal?: AbortSignal;
}

export interface LogLine {
  stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds, as it was written. */
  time: string;
  /** With its line end, where it had one (a line longer than 16 KiB comes in several parts). */
  text: string;
  attributes?: Record<string, string>;
}

/** The lines of a container's log, oldest first; none is lost or doubled where following begins or files rotate. */
export declare function readLogs(options: ReadLogsOptions): AsyncIterable<LogLine>;
