import { EngineError, isEngineError } from "../base/errors.ts";

/**
 * An error of a build with what failed before it, as BuildKit words it: `<what>: <message>`. The classic builder tells
 * only the `cause`.
 */
export class FailedAt extends EngineError {
  override readonly name = "FailedAt";
  override readonly cause: EngineError;

  constructor(what: string, cause: EngineError) {
    super(cause.code, `${what}: ${cause.message}`, { cause });
    this.cause = cause;
  }
}

/** Runs `work`; what it throws says `what`, unless it was cancelled or is no error of ours. */
export async function failingAt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isEngineError(error) || isEngineError(error, "cancelled")) throw error;
    if (isEngineError(error, "notImplemented")) throw error;
    throw new FailedAt(what, error);
  }
}

/** The error without what failed before it. */
export function plainError(error: unknown): unknown {
  return error instanceof FailedAt ? plainError(error.cause) : error;
}
