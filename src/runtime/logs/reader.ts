import type { LogPosition } from "../supervisor/protocol.ts";
import { LogFollower } from "./follower.ts";
import { findTail, type LogFile, openLogFiles } from "./log-files.ts";
import { type LogLine, nanosOf, parseRecord } from "./record.ts";

export type { LogLine } from "./record.ts";

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
const block = 256 * 1024;

/**
 * The lines of a container's log, oldest first; none is lost or doubled where following begins or files rotate, since
 * there is one way to read: on from where the reader is. A damaged line (a writer was killed) is left out.
 */
export async function* readLogs(options: ReadLogsOptions): AsyncGenerator<LogLine> {
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
      for await (const record of recordsOf(chunks, options.signal)) {
        if (options.until !== undefined && nanosOf(record.time) > options.until) return;
        if (isWanted(record, options)) yield record;
      }
      if (options.end?.inode === file.inode) return;
    }
    if (files.length === 0 && options.follow && !options.end) yield* followNew(options);
  } finally {
    for (const file of files) await file[Symbol.asyncDispose]();
  }
}

/** Nothing was logged yet. */
async function* followNew(options: ReadLogsOptions): AsyncGenerator<LogLine> {
  const follower = new LogFollower(
    options.path,
    undefined,
    options.follow ?? Promise.resolve(),
    options.signal,
  );
  for await (const record of recordsOf(follower.chunks(0), options.signal)) {
    if (options.until !== undefined && nanosOf(record.time) > options.until) return;
    if (isWanted(record, options)) yield record;
  }
}

function isWanted(record: LogLine, options: ReadLogsOptions): boolean {
  if (!options[record.stream]) return false;
  return options.since === undefined || nanosOf(record.time) >= options.since;
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
    const bytes = await file.read(position, Math.min(block, (end ?? Number.POSITIVE_INFINITY) - position));
    if (bytes.length === 0) return;
    position += bytes.length;
    yield bytes;
  }
}

/** The records in a sequence of blocks. */
async function* recordsOf(
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogLine> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      const record = parseRecord(bytes.toString("utf8", start, end));
      start = end + 1;
      if (signal?.aborted) return;
      if (record) yield record;
    }
    rest = bytes.subarray(start);
  }
}
