import { EngineError, type ErrorCode, firstFailure } from "../../base/errors.ts";

const statuses: Record<ErrorCode, number> = {
  notFound: 404,
  conflict: 409,
  invalidArgument: 400,
  forbidden: 403,
  unauthorized: 401,
  notModified: 304,
  unavailable: 503,
  notImplemented: 501,
  cancelled: 500,
  internal: 500,
};

/** The HTTP status of whatever was thrown; what is not expected is 500. */
export function statusOf(error: unknown): number {
  const first = firstFailure(error);
  return first instanceof EngineError ? statuses[first.code] : 500;
}

const phrases: Record<number, string> = {
  100: "Continue",
  101: "UPGRADED",
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  413: "Request Entity Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
};

/** The reason phrase of a status line. */
export function phraseOf(status: number): string {
  return phrases[status] ?? `status code ${status}`;
}
