import type { IncomingMessage, ServerResponse } from "node:http";
import { type Digest, parseDigest } from "../oci/digest.ts";
import type { Identity, RequestInfo } from "./auth/identity.ts";
import { RegistryError } from "./errors.ts";
import type { RegistryEvent } from "./notifications.ts";
import type { Registry } from "./registry.ts";
import type { RegistryStore } from "./store.ts";

/** One request with what is needed to answer it. */
export interface Exchange {
  id: string;
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
  query: URLSearchParams;
  registry: Registry;
  store: RegistryStore;
  identity: Identity;
  info: RequestInfo;
}

/** Tells those who want to know what this request did. */
export function notify(
  { id, request, registry, identity, info }: Exchange,
  action: RegistryEvent["action"],
  target: RegistryEvent["target"],
): Promise<void> {
  const { host = "", "user-agent": useragent = "" } = request.headers;
  return registry.notifier.notify({
    action,
    target,
    request: { id, addr: info.remote, host, method: request.method ?? "", useragent },
    actor: { name: identity.account ?? "" },
    origin: info.origin,
  });
}

export type Headers = Record<string, string | number>;

/** Answers with JSON; a HEAD request gets the headers alone. */
export function sendJson(
  { request, response }: Exchange,
  status: number,
  body: unknown,
  headers: Headers = {},
) {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, {
    "Content-Type": "application/json",
    ...headers,
    "Content-Length": bytes.length,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

/** Answers without a body. */
export function sendEmpty({ response }: Exchange, status: number, headers: Headers = {}): void {
  // 204 must not have a length (RFC 9110, 8.6).
  response.writeHead(status, status === 204 ? headers : { ...headers, "Content-Length": 0 });
  response.end();
}

/**
 * The body of a request, piece by piece. Whoever stops reading early can still answer: the usual iterator of a stream
 * would close the connection.
 */
export function bodyOf(request: IncomingMessage): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false });
}

/** The body of a request, of at most `limit` bytes; `tooLarge` makes the error for more. */
export async function readBody(
  request: IncomingMessage,
  limit: number,
  tooLarge: () => RegistryError,
): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > limit) throw tooLarge();
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of bodyOf(request)) {
    size += piece.length;
    if (size > limit) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** `text` as a digest. Throws DIGEST_INVALID. */
export function digestFrom(text: string | null): Digest {
  try {
    return parseDigest(text ?? "");
  } catch (cause) {
    const details = [{ digest: text }];
    throw new RegistryError("DIGEST_INVALID", { message: "invalid digest", details, cause });
  }
}

/** The path of a repository's resource, for `Location` and `Link`. */
export function pathOf(name: string, ...rest: string[]): string {
  return `/v2/${name}/${rest.join("/")}`;
}
