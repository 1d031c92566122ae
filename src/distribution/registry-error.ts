import { cancelled, unavailable } from "../base/errors.ts";
import { isObject } from "../oci/json.ts";
import { parseChallenges } from "./challenge.ts";
import { isAbort } from "./network-error.ts";

/**
 * What a registry answered instead of what was asked for. `code` is the distribution specification's, in lower case
 * with spaces (`manifest unknown`), or empty; `message` is as Docker words it.
 */
export class RegistryError extends Error {
  readonly status: number;
  readonly code: string;
  /** How long the registry asks to wait before trying again, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(status: number, code: string, message: string, retryAfter?: number) {
    super(message);
    this.name = "RegistryError";
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** True when the same request may succeed later. */
  get temporary(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

const maxErrorBody = 64 * 1024;
const defaultMessages: Readonly<Record<string, string>> = {
  unauthorized: "authentication required",
  denied: "requested access to the resource is denied",
  toomanyrequests: "too many requests",
  "manifest unknown": "manifest unknown",
  "name unknown": "repository name not known to registry",
  "blob unknown": "blob unknown to registry",
};

/** A `RegistryError` of this code, worded as Docker does: `unauthorized: authentication required`. */
export function registryError(
  status: number,
  code: string,
  detail?: string,
  retryAfter?: number,
): RegistryError {
  const text = detail || defaultMessages[code];
  return new RegistryError(status, code, text ? `${code}: ${text}` : code, retryAfter);
}

/** An answer that is read into memory and does not move for so long, in milliseconds, counts as cut off. */
const stallTimeout = 60_000;

/** Reads at most `limit` bytes of a body, and drops the rest. Throws `unavailable` when it is cut off. */
export async function readBounded(response: Response, limit: number): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array();
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Cancelling ends a read that waits, as the end of the body would.
  let stalled = false;
  const timer = setTimeout(() => {
    stalled = true;
    reader.cancel().catch(() => {}); // it has failed meanwhile, which the read tells
  }, stallTimeout);
  try {
    while (size < limit) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      size += value.byteLength;
      timer.refresh();
    }
  } catch (error) {
    throw isAbort(error) ? cancelled("context canceled", error) : unavailable("unexpected EOF", error);
  } finally {
    clearTimeout(timer);
    // The connection is of no more use; that it cannot be cancelled any more is as good.
    await reader.cancel().catch(() => {});
  }
  if (stalled) throw unavailable("unexpected EOF");
  return Buffer.concat(chunks, Math.min(size, limit));
}

/** What `Retry-After` says, in milliseconds; dates and nonsense count as absent. */
function retryAfterOf(response: Response): number | undefined {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 300) * 1000 : undefined;
}

/**
 * Turns an answer of status 400 or more into an error, and consumes its body. `unknown` is the code of a 404
 * that does not name one (`manifest unknown` when a manifest was asked for).
 */
export async function readRegistryError(response: Response, unknown: string): Promise<RegistryError> {
  const { status } = response;
  const retryAfter = retryAfterOf(response);
  const body = await readBounded(response, maxErrorBody).catch(() => new Uint8Array());
  if (status < 400 || status >= 500) {
    const reason = `${status} ${response.statusText}`.trim();
    return new RegistryError(status, "", `received unexpected HTTP status: ${reason}`, retryAfter);
  }
  const own = firstError(body);
  if (own !== undefined) return registryError(status, own.code, own.message, retryAfter);
  for (const { scheme, parameters } of parseChallenges(response.headers.get("www-authenticate"))) {
    if (scheme !== "bearer") continue;
    const description = parameters.error_description;
    if (parameters.error === "invalid_token") return registryError(status, "unauthorized", description);
    if (parameters.error === "insufficient_scope") return registryError(status, "denied", description);
  }
  if (status === 401) return registryError(status, "unauthorized");
  if (status === 403) return registryError(status, "denied");
  if (status === 404) return registryError(status, unknown);
  if (status === 429) return registryError(status, "toomanyrequests", undefined, retryAfter);
  const text = Buffer.from(body.subarray(0, 256)).toString();
  return new RegistryError(
    status,
    "",
    `error parsing HTTP ${status} response body: no error details found in HTTP response body: ${JSON.stringify(text)}`,
  );
}

/** The first error of the specification's form (`{"errors":[{code,message}]}`) or of token servers' (`{"details"}`). */
function firstError(body: Uint8Array): { code: string; message: string } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined; // Not JSON: a proxy's page, most often.
  }
  if (!isObject(value)) return undefined;
  if (typeof value.details === "string" && value.details !== "") {
    return { code: "unauthorized", message: printable(value.details) };
  }
  const first: unknown = Array.isArray(value.errors) ? value.errors[0] : undefined;
  if (!isObject(first) || typeof first.code !== "string" || first.code === "") return undefined;
  return {
    code: printable(first.code).toLowerCase().replaceAll("_", " "),
    message: typeof first.message === "string" ? printable(first.message) : "",
  };
}

/** A registry's words end up on terminals and in logs: no control characters, no novels. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").slice(0, 1024);
}
