import { getServers } from "node:dns";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { cancelled, messageOf, unavailable } from "../base/errors.ts";

/** Query parameters that may be shown; whatever else is there may be a signature. */
const harmless = new Set(["scope", "service", "account", "q", "n", "last", "digest", "mount", "from", "ns"]);

/** `url` as it may be shown in an error or a log: without user, password and signatures. */
export function redactUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  for (const name of new Set(shown.searchParams.keys())) {
    if (!harmless.has(name)) shown.searchParams.set(name, "REDACTED");
  }
  return shown.href;
}

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

async function addressOf(url: URL): Promise<string> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  // The address is only for the message: one that cannot be found is left out.
  const address = isIP(host)
    ? host
    : await lookup(host).then(
        (found) => found.address,
        () => host,
      );
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

function nameServer(): string {
  const [server] = getServers();
  if (server === undefined) return "";
  return /:\d+$/.test(server) && !server.includes("::") ? ` on ${server}` : ` on ${server}:53`;
}

const wrongScheme = "http: server gave HTTP response to HTTPS client";

/** True when all that is wrong is that the server does not speak TLS. */
export function isWrongScheme(error: unknown): boolean {
  return messageOf(error).endsWith(wrongScheme);
}

/** What went wrong below HTTP, in the words of Go's `net` package, which people know and search for. */
async function reason(url: URL, error: unknown): Promise<string> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  switch (codeOf(error)) {
    case "ECONNREFUSED":
    case "ConnectionRefused":
      return `dial tcp ${await addressOf(url)}: connect: connection refused`;
    case "EAI_AGAIN":
      return `dial tcp: lookup ${host}${nameServer()}: server misbehaving`;
    case "ENOTFOUND":
      return `dial tcp: lookup ${host}${nameServer()}: no such host`;
    case "EHOSTUNREACH":
      return `dial tcp ${await addressOf(url)}: connect: no route to host`;
    case "ENETUNREACH":
      return `dial tcp ${await addressOf(url)}: connect: network is unreachable`;
    case "ETIMEDOUT":
      return `dial tcp ${await addressOf(url)}: i/o timeout`;
    case "EPROTO":
      return wrongScheme;
    case "ECONNRESET":
      return "EOF";
    default:
      return tlsReason(error);
  }
}

const certificateReasons: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate signed by unknown authority",
  SELF_SIGNED_CERT_IN_CHAIN: "certificate signed by unknown authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "certificate signed by unknown authority",
  UNABLE_TO_GET_ISSUER_CERT: "certificate signed by unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "certificate signed by unknown authority",
  CERT_HAS_EXPIRED: "certificate has expired or is not yet valid",
  CERT_NOT_YET_VALID: "certificate has expired or is not yet valid",
};

function tlsReason(error: unknown): string {
  const known = certificateReasons[codeOf(error)];
  return known === undefined ? messageOf(error) : `tls: failed to verify certificate: x509: ${known}`;
}

/** Thrown when no answer came: `unavailable`, with `Get "https://…": dial tcp …` as the message. */
export async function networkError(method: string, url: URL, error: unknown): Promise<Error> {
  if (isAbort(error)) return cancelled("context canceled", error);
  if (isTimeout(error)) {
    const waiting = "net/http: request canceled (Client.Timeout exceeded while awaiting headers)";
    return unavailable(`${goMethod(method)} "${redactUrl(url)}": ${waiting}`, error);
  }
  // Docker asks for /v2/ before anything else, so that is what its users see when there is nobody.
  const ping = url.pathname.startsWith("/v2/") && !sent.has(codeOf(error));
  const asked = ping ? `Get "${redactUrl(new URL("/v2/", url))}"` : `${goMethod(method)} "${redactUrl(url)}"`;
  return unavailable(`${asked}: ${await reason(url, error)}`, error);
}

/** Failures after the request had been sent. */
const sent = new Set(["ECONNRESET", "EPIPE"]);

/** `Get` for `GET`, as Go writes it. */
export function goMethod(method: string): string {
  return method.slice(0, 1) + method.slice(1).toLowerCase();
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
