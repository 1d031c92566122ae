import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { sha256Of } from "../../src/oci/digester.ts";

/** What goes wrong with one answer. */
export interface Fault {
  /** Answer this status instead. */
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  /** Headers beside those of a good answer. */
  also?: Record<string, string>;
  /** Cut the connection after so many bytes of the body. */
  cutAt?: number;
  /** Cut it by a reset, which loses what is on its way. */
  reset?: boolean;
  /** Send so many bytes and then nothing more. */
  stallAt?: number;
  /** Change one bit. */
  corrupt?: boolean;
  /** Send all, whatever range was asked for. */
  ignoreRange?: boolean;
  /** Wait for this before answering. */
  until?: Promise<unknown>;
}

/** PEM texts. `clients`: the authority that clients must have a certificate of. */
export interface ServerTls {
  key: string;
  cert: string;
  clients?: string;
}

export interface Seen {
  method: string;
  path: string;
  headers: Record<string, string>;
}

type Decide = (seen: Seen, nth: number) => Fault | undefined;

/**
 * A registry in memory that speaks real HTTP and can be told to fail: what no well-behaved registry does on demand.
 * Serves whatever is put into `blobs` and `manifests`, to any repository name.
 */
export class TestRegistry implements AsyncDisposable {
  readonly blobs = new Map<string, Uint8Array>();
  /** By `repository:tag` and by digest. */
  readonly manifests = new Map<string, { bytes: Uint8Array; mediaType: string }>();
  readonly requests: Seen[] = [];
  /** Called for every request with how often its method and path have been seen before. */
  decide: Decide = () => undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #scheme: string;

  private constructor(server: Server, scheme: string) {
    this.#server = server;
    this.#scheme = scheme;
    server.on("request", (request, response) => void this.#answer(request, response));
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
  }

  /** On loopback, or at `address`. */
  static async start(tls?: ServerTls, address = "127.0.0.1"): Promise<TestRegistry> {
    const clients = tls?.clients && { ca: tls.clients, requestCert: true, rejectUnauthorized: true };
    const server = tls ? createTlsServer({ key: tls.key, cert: tls.cert, ...clients }) : createServer();
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    return new TestRegistry(server as Server, tls ? "https" : "http");
  }

  get host(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `${address}:${port}`;
  }

  get url(): string {
    return `${this.#scheme}://${this.host}`;
  }

  /** `GET /v2/x/blobs/…`, without digests, of all that was asked. */
  count(method: string, pattern: RegExp): number {
    return this.requests.filter((seen) => seen.method === method && pattern.test(seen.path)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const nth = this.requests.filter((seen) => seen.method === method && seen.path === url).length;
    const seen = { method, path: url, headers };
    this.requests.push(seen);
    const fault = this.decide(seen, nth) ?? {};
    await fault.until;
    for (const [name, value] of Object.entries(fault.also ?? {})) response.setHeader(name, value);
    if (fault.status !== undefined) {
      response.writeHead(fault.status, fault.headers);
      response.end(method === "HEAD" ? undefined : fault.body);
      return;
    }
    const [, kind, reference = ""] = /^\/v2\/.+\/(manifests|blobs|tags)\/([^?]+)/.exec(url) ?? [];
    if (kind === "manifests") this.#sendManifest(method, url, reference, response, fault);
    else if (kind === "blobs") this.#sendBlob(reference, headers.range, response, fault);
    else if (kind === "tags") this.#sendTags(url, response);
    else this.#send(response, 200, {}, Buffer.from("{}"), fault);
  }

  #sendManifest(
    method: string,
    url: string,
    reference: string,
    response: ServerResponse,
    fault: Fault,
  ): void {
    const repository = url.slice("/v2/".length, url.indexOf("/manifests/"));
    const found = this.manifests.get(`${repository}:${reference}`) ?? this.manifests.get(reference);
    if (!found) {
      const errors = [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }];
      this.#send(response, 404, {}, Buffer.from(JSON.stringify({ errors })), {});
      return;
    }
    const headers = { "content-type": found.mediaType, "docker-content-digest": sha256Of(found.bytes) };
    if (method === "HEAD") {
      response.writeHead(200, { ...headers, "content-length": String(found.bytes.length) });
      response.end();
    } else this.#send(response, 200, headers, found.bytes, fault);
  }

  #sendBlob(digest: string, range: string | undefined, response: ServerResponse, fault: Fault): void {
    const bytes = this.blobs.get(digest);
    if (!bytes) {
      const errors = [{ code: "BLOB_UNKNOWN", message: "blob unknown to registry" }];
      this.#send(response, 404, {}, Buffer.from(JSON.stringify({ errors })), {});
      return;
    }
    const start = fault.ignoreRange ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    if (start >= bytes.length && start > 0) {
      this.#send(response, 416, {}, Buffer.from(""), {});
      return;
    }
    const headers: Record<string, string> =
      start > 0 ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
    this.#send(response, start > 0 ? 206 : 200, headers, bytes.subarray(start), fault);
  }

  #sendTags(url: string, response: ServerResponse): void {
    const repository = url.slice("/v2/".length, url.indexOf("/tags/"));
    const all = [...this.manifests.keys()]
      .filter((name) => name.startsWith(`${repository}:`))
      .map((name) => name.slice(repository.length + 1));
    // Two a page.
    const last = new URLSearchParams(url.split("?")[1]).get("last");
    const from = last === null ? 0 : all.indexOf(last) + 1;
    const tags = all.slice(from, from + 2);
    const more = from + 2 < all.length;
    const link = { link: `</v2/${repository}/tags/list?last=${tags.at(-1)}>; rel="next"` };
    const body = Buffer.from(JSON.stringify({ name: repository, tags }));
    this.#send(response, 200, more ? link : {}, body, {});
  }

  #send(
    response: ServerResponse,
    status: number,
    headers: Record<string, string>,
    bytes: Uint8Array,
    fault: Fault,
  ): void {
    const body = Buffer.from(bytes);
    if (fault.corrupt) body[body.length - 1] = (body[body.length - 1] ?? 0) ^ 1;
    response.writeHead(status, { ...headers, ...fault.headers, "content-length": String(body.length) });
    const until = fault.cutAt ?? fault.stallAt;
    if (until === undefined) {
      response.end(body);
      return;
    }
    response.write(body.subarray(0, until), () => {
      if (fault.cutAt === undefined) return;
      if (fault.reset) response.socket?.resetAndDestroy();
      else response.socket?.end(() => response.socket?.destroy());
    });
  }
}
