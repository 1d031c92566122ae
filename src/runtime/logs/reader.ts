import type { LogPosition } from "../supervisor/protocol.ts";
import { LogFollower } from "./follower.ts";
import { findTail, type LogFile, logBlock, openLogFiles } from "./log-files.ts";
import { type LogRecord, nanosOf, parseRecords } from "./record.ts";

export type { LogRecord } from "./record.ts";

export interface ReadLogsOptions {
  /** The current json-file; rotated ones stand beside it. */
  path: string;
  stdout: boolean;
  stderr: boolean;
  /** Only lines at or after this time, in nanoseconds since 1970. */
  since?: bigint;
  /** Only lines at or before this time. */
  until?: bigint;
  /** Only the last so many lines (of both streams, before the other filters, as in Docker); all when absent. */
  tail?: number;
  /** Go on with what is written later, until this resolves (the container has ended) and all was read. */
  follow?: Promise<unknown>;
  /** Stop at this place (where an attached stream begins). */
  end?: LogPosition;
  /** Stops at once. */
  signal?: AbortSignal;
}

const newline = 10;

/**
 * The lines of a container's log, oldest first, as many at a time as are read at once; none is lost or doubled where following begins or files rotate, since
 * there is one way to read: on from where the reader is. A damaged line (a writer was killed) is left out.
 */
export async function* readLogs(options: ReadLogsOptions): AsyncGenerator<LogRecord[]> {
  const files = await openLogFiles(options.path);
  try {
    const sizes = await Promise.all(files.map((file) => file.size()));
    const starts = await startOffsets(files, sizes, options);
    for (const [index, file] of files.entries()) {
      const last = index === files.length - 1;
      const follower =
        options.follow && last && !options.end
          ? new LogFollower(options.path, file, options.follow, options.signal)
          : undefined;
      // Without following, what is written while it is read does not count: it could go on for ever.
      const end = options.end?.inode === file.inode ? options.end.offset : sizes[index];
      const chunks = follower ? follower.chunks(starts[index] ?? 0) : readFrom(file, starts[index] ?? 0, end);
      if (yield* wantedOf(chunks, options)) return;
      if (options.end?.inode === file.inode) return;
    }
    if (files.length === 0 && options.follow && !options.end) yield* followNew(options);
  } finally {
    for (const file of files) await file[Symbol.asyncDispose]();
  }
}

/** Nothing was logged yet. */
async function* followNew(options: ReadLogsOptions): AsyncGenerator<LogRecord[]> {
  const follower = new LogFollower(
    options.path,
    undefined,
    options.follow ?? Promise.resolve(),
    options.signal,
  );
  yield* wantedOf(follower.chunks(0), options);
}

/** The records of a sequence of blocks that were asked for. Returns true when nothing that follows can be. */
async function* wantedOf(
  chunks: AsyncIterable<Buffer>,
  { stdout, stderr, since, until, signal }: ReadLogsOptions,
): AsyncGenerator<LogRecord[], boolean> {
  const wanted = { stdout, stderr };
  for await (const records of recordsOf(chunks, signal)) {
    const end = until === undefined ? -1 : records.findIndex(({ time }) => nanosOf(time) > until);
    const found = (end < 0 ? records : records.slice(0, end)).filter(
      ({ stream, time }) => wanted[stream] && (since === undefined || nanosOf(time) >= since),
    );
    if (found.length > 0) yield found;
    if (end >= 0) return true;
  }
  return false;
}

/** Where reading begins in each file, so that only the last `tail` lines come. */
async function startOffsets(
  files: readonly LogFile[],
  sizes: readonly number[],
  options: ReadLogsOptions,
): Promise<number[]> {
  const { tail, end } = options;
  if (tail === undefined) return files.map(() => 0);
  const offsets = files.map(() => 0);
  let wanted = tail;
  for (let index = files.length - 1; index >= 0; index--) {
    const file = files[index];
    if (!file) continue;
    const size = end?.inode === file.inode ? end.offset : (sizes[index] ?? 0);
    const found = await findTail(file, size, wanted);
    offsets[index] = found.offset;
    wanted -= found.lines;
  }
  return offsets;
}

async function* readFrom(file: LogFile, start: number, end: number | undefined): AsyncGenerator<Buffer> {
  for (let position = start; end === undefined || position < end; ) {
    const bytes = await file.read(position, Math.min(logBlock, (end ?? Number.POSITIVE_INFINITY) - position));
    if (bytes.length === 0) return;
    position += bytes.length;
    yield bytes;
  }
}

/** The records in a sequence of blocks, block by block. */
async function* recordsOf(
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogRecord[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (signal?.aborted) return;
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const end = bytes.lastIndexOf(newline) + 1;
    if (end > 0) yield parseRecords(bytes.toString("utf8", 0, end));
    // A copy: what was read is valid until more is.
    rest = Buffer.from(bytes.subarray(end));
  }
}
