import { getCACertificates, rootCertificates } from "node:tls";
import { cancelled, internal } from "../base/errors.ts";
import { getStream } from "./download-stream.ts";
import { networkError, redactUrl } from "./network-error.ts";
import { ProxyRules, type ProxySettings, proxiesOfEnvironment } from "./proxies.ts";

/** What a TLS connection to one host needs beyond the system's own certificates; PEM texts. */
export interface TlsOptions {
  rejectUnauthorized?: boolean;
  ca?: string[];
  cert?: string;
  key?: string;
}

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
export type RequestBody = Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array>;

export interface HttpRequest {
  method: Method;
  url: URL;
  headers?: Record<string, string>;
  body?: RequestBody;
  signal?: AbortSignal | undefined;
  tls?: TlsOptions | undefined;
  /** Of a GET: the body is large, and no byte of it is to be lost when the connection breaks. */
  large?: boolean;
}

const maxRedirects = 10;
/** Headers that tell who asks: they go to the host that they are for and to no other. */
const secretHeaders = ["authorization", "cookie", "proxy-authorization"];

export interface HttpOptions {
  userAgent: string;
  /** How long a server may take until its answer begins, in milliseconds; for requests without a body. */
  answerTimeout?: number;
  /** What the environment says where not given. */
  proxies?: ProxySettings;
}

/**
 * Sends requests as a registry client must: bodies as they come (no decompression), redirects followed by itself so
 * that credentials stay with the host that they are for, failures in Docker's words, through the proxies that are set.
 */
export class HttpClient {
  readonly #userAgent: string;
  readonly #answerTimeout: number;
  #proxies: ProxyRules;

  constructor(options: HttpOptions) {
    this.#userAgent = options.userAgent;
    this.#answerTimeout = options.answerTimeout ?? 60_000;
    this.#proxies = new ProxyRules(options.proxies ?? proxiesOfEnvironment(process.env));
  }

  /** Requests from now on go through these. Throws `invalidArgument`. */
  useProxies(proxies: ProxySettings): void {
    this.#proxies = new ProxyRules(proxies);
  }

  /** Throws `unavailable` when no answer came, `cancelled` when `signal` fired. Whoever calls consumes the body. */
  async request(request: HttpRequest): Promise<Response> {
    let { url, tls } = request;
    let headers: Record<string, string> = {
      "user-agent": this.#userAgent,
      ...lowerCase(request.headers ?? {}),
    };
    for (let hop = 0; ; hop++) {
      const response = await this.#send({ ...request, url, headers, tls });
      const location = redirectOf(request, response);
      if (location === undefined) return response;
      await response.body?.cancel();
      if (hop === maxRedirects) throw internal(`${redactUrl(request.url)}: stopped after 10 redirects`);
      if (!URL.canParse(location, url.href))
        throw internal(`${redactUrl(request.url)}: failed to parse Location header`);
      const next = new URL(location, url);
      checkRedirect(url, next);
      if (next.origin !== url.origin) {
        headers = without(headers, secretHeaders);
        tls = withoutClientCertificate(tls);
      }
      url = next;
    }
  }

  async #send(request: HttpRequest & { headers: Record<string, string> }): Promise<Response> {
    const { method, url, headers, body, signal, tls } = request;
    if (signal?.aborted) throw cancelled("context canceled");
    // The timer ends with the headers: a body may take as long as it moves.
    const headersDue = new AbortController();
    const timer =
      body === undefined
        ? setTimeout(
            () => headersDue.abort(new DOMException("no answer", "TimeoutError")),
            this.#answerTimeout,
          )
        : undefined;
    try {
      const either = AbortSignal.any(signal ? [signal, headersDue.signal] : [headersDue.signal]);
      const proxy = this.#proxies.proxyFor(url);
      const trusting = url.protocol === "https:" ? withAuthorities(tls) : undefined;
      if (request.large && proxy === undefined) return await getStream(url, headers, trusting, either);
      const init: BunFetchRequestInit = {
        method,
        headers,
        redirect: "manual",
        decompress: false,
        signal: either,
      };
      if (body !== undefined) init.body = body;
      if (trusting) init.tls = trusting;
      // Without a word Bun would look into the environment; its types do not know `false` yet.
      Object.assign(init, { proxy: proxy ?? false });
      const response = await fetch(url.href, init);
      // Taken at once: of a connection that breaks before that, Bun's getter throws, wherever it is.
      void response.body;
      return response;
    } catch (error) {
      if (signal?.aborted) throw cancelled("context canceled", error);
      throw await networkError(method, url, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

function redirectOf(request: HttpRequest, response: Response): string | undefined {
  if (![301, 302, 303, 307, 308].includes(response.status)) return undefined;
  // A body that was sent cannot be sent again.
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  return response.headers.get("location") ?? undefined;
}

function checkRedirect(from: URL, to: URL): void {
  const secure = to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:");
  if (!secure) throw internal(`${redactUrl(from)}: redirected to ${redactUrl(to)}, which is not secure`);
}

/** A client certificate is for the host that it was set up for, as a password is. */
export function withoutClientCertificate(tls: TlsOptions | undefined): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  const { cert, key, ...rest } = tls;
  return rest;
}

let authorities: string[] | undefined;

/** Trusts what the system trusts (companies add their own there), and what is set up for the host in addition. */
function withAuthorities(tls: TlsOptions | undefined): TlsOptions {
  if (authorities === undefined) {
    const system = getCACertificates("system");
    authorities = [...(system.length > 0 ? system : rootCertificates), ...getCACertificates("extra")];
  }
  return { rejectUnauthorized: true, ...tls, ca: [...(tls?.ca ?? []), ...authorities] };
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function without(headers: Record<string, string>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
