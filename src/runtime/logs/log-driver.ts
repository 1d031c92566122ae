import type { LogPosition } from "../supervisor/protocol.ts";

export type LogStream = "stdout" | "stderr";

/** Where a container's output is logged. */
export interface LogDriver {
  /** Resolves when it can take output. Rejects, in Docker's words, when it cannot, as at the start of a container. */
  ready(): Promise<void>;
  /** Logs what was read from a stream; the bytes are valid during the call. */
  write(stream: LogStream, chunk: Uint8Array): void;
  /** A stream has ended: a line without an end is logged too. */
  end(stream: LogStream): void;
  /** True while the container has to wait; `onUnblocked` of its options tells the end of that. */
  readonly isFull: boolean;
  /** The end of what `docker logs` can read, and the beginnings of lines that are not there yet. */
  snapshot(): { position: LogPosition; pending: Record<LogStream, Uint8Array> } | undefined;
  /** Where the file ends in which all lines are that were written, and how many bytes wait for the end of a line. */
  progress?(): LogProgress;
  close(): void;
}

export interface LogProgress {
  position: LogPosition;
  pending: Record<LogStream, number>;
}
