import { EngineError, isEngineError } from "../base/errors.ts";

/**
 * Ends a command with an exit code. The message, when there is one, is all that is printed; a command that has said
 * everything already ends with an empty one.
 */
export class StatusError extends Error {
  readonly status: number;

  constructor(status: number, message = "", options?: { cause?: unknown }) {
    super(message, options);
    this.name = "StatusError";
    this.status = status;
  }
}

/** The exit code for an error that ends the client: its own, or 1. */
export function exitCodeOf(error: unknown): number {
  return error instanceof StatusError ? error.status : 1;
}

/** What the client prints for an error that ends it: expected errors by their message, bugs with their stack. */
export function errorText(error: unknown): string {
  if (error instanceof StatusError || error instanceof EngineError) return error.message;
  if (error instanceof Error) {
    // Errors of system calls and of templates are expected; anything else is a bug, and its stack finds it.
    const expected = "code" in error || error.name === "TemplateError";
    return expected ? error.message : (error.stack ?? error.message);
  }
  return String(error);
}

/** True for what a user's Ctrl-C gives: nothing is printed for it. */
export function isCancelled(error: unknown): boolean {
  return isEngineError(error, "cancelled");
}
