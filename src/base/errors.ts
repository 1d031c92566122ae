/**
 * The closed set of errors. Whatever can be expected to go wrong is an `EngineError` with one of these codes;
 * everything else is a bug. Each transport maps the code once: `daemon/http/status.ts` to an HTTP status,
 * `cli/exit.ts` to an exit code, `registry/errors.ts` to the registry's JSON.
 */
export const errorCodes = [
  "notFound",
  "conflict",
  "invalidArgument",
  "forbidden",
  "unauthorized",
  "notModified",
  "unavailable",
  "notImplemented",
  "cancelled",
  "internal",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export class EngineError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "EngineError";
    this.code = code;
  }
}

type Make = (message: string, cause?: unknown) => EngineError;
const maker =
  (code: ErrorCode): Make =>
  (message, cause) =>
    new EngineError(code, message, cause === undefined ? undefined : { cause });

/** The thing named does not exist. */
export const notFound = maker("notFound");
/** The thing exists, and its state forbids what was asked. */
export const conflict = maker("conflict");
/** What was asked cannot be understood or makes no sense. */
export const invalidArgument = maker("invalidArgument");
/** Understood, and not allowed. */
export const forbidden = maker("forbidden");
/** Who asks is not known, or its credentials are wrong. */
export const unauthorized = maker("unauthorized");
/** Nothing to do: it is so already (`start` of a running container). */
export const notModified = maker("notModified");
/** Something that is needed does not answer now. */
export const unavailable = maker("unavailable");
/** Known, and not supported here. */
export const notImplemented = maker("notImplemented");
/** The caller gave up. */
export const cancelled = maker("cancelled");
/** The host, the kernel or a tool failed in a way that nobody asked for. */
export const internal = maker("internal");

/** True when `error` is an expected error, of `code` where that is given. */
export function isEngineError(error: unknown, code?: ErrorCode): error is EngineError {
  return error instanceof EngineError && (code === undefined || error.code === code);
}

/** What went wrong first, where tidying up after it (`using`) failed as well. */
export function firstFailure(error: unknown): unknown {
  return error instanceof SuppressedError ? firstFailure(error.suppressed) : error;
}

/** How the runtime words what a file system refuses: `ENOSPC: no space left on device, open '/path'`. */
const fileError = /^E[A-Z0-9]+: ([^']+), (\w+)(?: '(.*?)')?(?: -> '(.*)')?$/s;

/** The message of anything that was thrown; of what a file system refuses in Go's words: `open /path: no space left on device`. */
export function messageOf(error: unknown): string {
  const first = firstFailure(error);
  if (!(first instanceof Error)) return String(first);
  const [, reason, call, ...paths] = fileError.exec(first.message) ?? [];
  if (reason === undefined) return first.message;
  return `${[call, ...paths.filter(Boolean)].join(" ")}: ${reason}`;
}

/** True when the disk (or a quota) is full, wherever below that was noticed. */
export function isDiskFull(error: unknown): boolean {
  const first = firstFailure(error);
  if (/no space left on device|ENOSPC|EDQUOT|quota exceeded/.test(messageOf(first))) return true;
  return first instanceof Error && first.cause !== undefined && isDiskFull(first.cause);
}

/** The errno name (`ENOENT`, …) of an error thrown by a system call, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}
