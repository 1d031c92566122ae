import { parseJson } from "../api/decode.ts";
import { EngineError, type ErrorCode, errnoOf, messageOf, unavailable } from "../base/errors.ts";

const codes: Record<number, ErrorCode> = {
  304: "notModified",
  400: "invalidArgument",
  401: "unauthorized",
  403: "forbidden",
  404: "notFound",
  409: "conflict",
  501: "notImplemented",
  503: "unavailable",
};

/** The daemon's error as it told it: `{"message": …}`, or plain text of something in between. */
export function errorOfResponse(status: number, contentType: string | undefined, body: string): EngineError {
  const code = codes[status] ?? (status >= 400 && status < 500 ? "invalidArgument" : "internal");
  return new EngineError(code, `Error response from daemon: ${messageIn(contentType, body) ?? `${status}`}`);
}

/** An answer that is no error, and no answer to what was asked either. */
export function unexpectedAnswer(status: number, asked: string): EngineError {
  if (status >= 300) return unavailable(`unexpected redirect in response (${status} to ${asked})`);
  return unavailable(
    `request returned ${status} for API route ${asked}, check if the server supports the requested API version`,
  );
}

function messageIn(contentType: string | undefined, body: string): string | undefined {
  const plain = body.trim();
  if (!contentType?.startsWith("application/json")) return plain || undefined;
  try {
    const value = parseJson(body);
    if (typeof value === "object" && value !== null && "message" in value)
      return String(value.message).trim();
  } catch {
    // Not JSON, whatever its type says: shown as it is.
  }
  return plain || undefined;
}

/** Docker's words for a daemon that cannot be reached. */
export function errorOfDial(host: string, error: unknown): EngineError {
  const errno = errnoOf(error);
  if (errno === "EACCES" || errno === "EPERM") {
    return unavailable(
      `permission denied while trying to connect to the Docker daemon socket at ${host}: connect: permission denied`,
      error,
    );
  }
  if (
    errno === "ENOENT" ||
    errno === "ECONNREFUSED" ||
    /Failed to connect|ENOENT|ECONNREFUSED/.test(messageOf(error))
  ) {
    return unavailable(
      `Cannot connect to the Docker daemon at ${host}. Is the docker daemon running?`,
      error,
    );
  }
  return unavailable(`error during connect: ${messageOf(error)}`, error);
}
