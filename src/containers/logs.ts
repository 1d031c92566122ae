import { invalidArgument, notImplemented } from "../base/errors.ts";
import { parseGoDuration } from "../base/units.ts";
import { type LogRecord, type ReadLogsOptions, readLogs } from "../runtime/logs/reader.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { readableLog } from "./log-config.ts";
import { type LogFormat, LogFrames } from "./log-frames.ts";

export interface LogsOptions {
  stdout: boolean;
  stderr: boolean;
  follow: boolean;
  timestamps: boolean;
  details: boolean;
  /** `all` or a number of lines. */
  tail: string;
  /** Unix seconds with fractions, RFC 3339, or a duration before now; empty for none. */
  since: string;
  until: string;
}

/** A container's log as bytes: stdcopy frames, or plain when it has a terminal. Throws before the first byte. */
export function containerLogs(
  deps: ContainerDeps,
  container: Container,
  options: LogsOptions,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  if (!options.stdout && !options.stderr) {
    throw invalidArgument("Bad parameters: you must choose at least one stream");
  }
  const path = readableLog(deps.roots, container);
  if (path === undefined) throw notImplemented("configured logging driver does not support reading");
  const since = parseTime(options.since, "since", deps.clock.nowNanos());
  const until = parseTime(options.until, "until", deps.clock.nowNanos());
  const lines = readLogs({
    path,
    stdout: options.stdout,
    stderr: options.stderr,
    signal,
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...tailOption(options.tail),
    ...(options.follow ? { follow: untilExit(deps, container, signal) } : {}),
  });
  const { timestamps, details } = options;
  return encoded(lines, { tty: container.spec.config.Tty ?? false, timestamps, details });
}

function untilExit(deps: ContainerDeps, container: Container, signal: AbortSignal): Promise<unknown> {
  return isRunning(container) ? deps.waiters.wait(container.id, "exit", signal) : Promise.resolve();
}

/** What is not a number means all lines, as in Docker. */
function tailOption(tail: string): Pick<ReadLogsOptions, "tail"> {
  return /^\d+$/.test(tail) ? { tail: Number(tail) } : {};
}

/** Nanoseconds since 1970; undefined for an empty text or 0. Throws `invalidArgument`. */
export function parseTime(text: string, name: string, now: bigint): bigint | undefined {
  if (text === "" || text === "0") return undefined;
  const seconds = /^(-?\d+)(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (seconds) {
    return BigInt(seconds[1] ?? 0) * 1_000_000_000n + BigInt((seconds[2] ?? "").padEnd(9, "0"));
  }
  const ago = parseGoDuration(text);
  if (ago !== undefined) return now - BigInt(ago);
  const millis = Date.parse(text);
  if (Number.isNaN(millis))
    throw invalidArgument(`invalid value for "${name}": failed to parse value as time: ${text}`);
  return BigInt(millis) * 1_000_000n;
}

async function* encoded(batches: AsyncIterable<LogRecord[]>, format: LogFormat): AsyncGenerator<Uint8Array> {
  const frames = new LogFrames(format);
  for await (const records of batches) yield frames.encode(records);
}
