import { EngineError } from "../base/errors.ts";

/** Lines of a Dockerfile, counted from 1, both included. */
export interface LineRange {
  start: number;
  end: number;
}

/** What is wrong with a Dockerfile, and where. The message names the line; `range` is for the excerpt. */
export class DockerfileError extends EngineError {
  readonly range: LineRange | undefined;

  constructor(message: string, range?: LineRange) {
    super("invalidArgument", message);
    this.name = "DockerfileError";
    this.range = range;
  }
}

/**
 * What is wrong with a line, of which BuildKit does not say the number: its reader of lines complains, not its parser of
 * instructions. Whoever knows the lines makes a `DockerfileError` of it.
 */
export class LineError extends Error {
  override readonly name: string = "LineError";
}

/** `error` with its lines, where it is one that has none yet. */
export function located(error: unknown, range: LineRange): unknown {
  return error instanceof LineError ? new DockerfileError(error.message, range) : error;
}

/** An error of the parser, in BuildKit's words. */
export function parseError(message: string, range: LineRange): DockerfileError {
  return new DockerfileError(`dockerfile parse error on line ${range.start}: ${message}`, range);
}

/**
 * The lines around `range` as people read them, those that are meant marked:
 *
 *     Dockerfile:2
 *     --------------------
 *        1 |     FROM busybox
 *        2 | >>> RUNN true
 *     --------------------
 */
export function excerpt(name: string, source: string, range: LineRange): string {
  const context = range.start === range.end ? 2 : 1;
  const lines = source.split("\n");
  const first = Math.max(1, range.start - context);
  const last = Math.min(lines.length, range.end + context);
  const shown: string[] = [];
  for (let line = first; line <= last; line++) {
    const mark = line >= range.start && line <= range.end ? ">>>" : "   ";
    shown.push(`${String(line).padStart(4)} | ${mark} ${lines[line - 1] ?? ""}`);
  }
  const rule = "-".repeat(20);
  return [`${name}:${range.start}`, rule, ...shown, rule].join("\n");
}
