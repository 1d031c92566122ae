import type { Duplex } from "node:stream";
import { encodeText } from "../../api/encode.ts";
import { type BodyReader, bodyOf } from "../../api/http1/body.ts";
import type { Connection } from "../../api/http1/connection.ts";
import { type Head, listsWord } from "../../api/http1/head.ts";
import type { Operation } from "../../api/operation.ts";
import type { OperationId } from "../../api/operations.ts";
import { JSONMessage } from "../../api/progress.ts";
import { compareVersions, maxApiVersion, minApiVersion } from "../../api/version.ts";
import {
  EngineError,
  forbidden,
  invalidArgument,
  isDiskFull,
  messageOf,
  notFound,
  notImplemented,
} from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { tracer } from "../../base/trace.ts";
import type { Handlers, HijackFormat } from "./handler.ts";
import { duplexOf } from "./hijack.ts";
import { type Framing, ReplyWriter } from "./reply.ts";
import { type AnyRequest, decodeRequest } from "./request.ts";
import { type Match, parseTarget, type Router, type Target } from "./router.ts";
import { statusOf } from "./status.ts";
import { acceptKey, websocketDuplex } from "./websocket.ts";

export interface ExchangeContext {
  readonly router: Router<OperationId>;
  readonly handlers: Handlers;
  /** The `Server` header. */
  readonly serverName: string;
  readonly experimental: boolean;
  readonly log: Logger;
}

type AnyHandler = (request: AnyRequest, reply: unknown) => unknown;

/** One request and its answer. */
export class Exchange {
  readonly #context: ExchangeContext;
  readonly #connection: Connection;
  readonly #head: Head;
  readonly #method: string;
  readonly #rawTarget: string;
  readonly #framing: Framing;
  readonly #reply: ReplyWriter;
  readonly #abort = new AbortController();
  #body: BodyReader | undefined;
  /** The handler has taken the connection over. */
  #isTaken = false;
  #hijacked: Duplex | undefined;
  #operation: Operation | undefined;
  #version = maxApiVersion;

  constructor(context: ExchangeContext, connection: Connection, head: Head) {
    this.#context = context;
    this.#connection = connection;
    this.#head = head;
    const [method, target, protocol] = head.start.split(" ");
    if (!method || !target || !/^HTTP\/1\.[01]$/.test(protocol ?? "")) {
      throw invalidArgument("malformed HTTP request");
    }
    this.#method = method;
    this.#rawTarget = target;
    const http10 = protocol === "HTTP/1.0";
    const asked = head.headers.connection;
    this.#framing = {
      http10,
      isHead: method === "HEAD",
      close: listsWord(asked, "close") || (http10 && !listsWord(asked, "keep-alive")),
    };
    this.#reply = new ReplyWriter(connection, this.#framing);
  }

  /** Tells the handler that the client is gone. */
  abort(): void {
    this.#abort.abort();
  }

  /** The client has half-closed, over a transport where that cannot be told from being gone. */
  inputEnded(): void {
    if (this.#operation?.response.kind !== "hijack") this.abort();
  }

  /** True when the client has not been heard to the end. */
  get hasUnreadBody(): boolean {
    return !this.#isTaken && this.#body?.ended === false;
  }

  /** Answers. True when the connection may carry another request. */
  async run(): Promise<boolean> {
    try {
      await this.#answer();
    } catch (error) {
      await this.#fail(error);
    }
    if (this.#isTaken || this.#framing.close) return false;
    return this.#skipBody();
  }

  async #answer(): Promise<void> {
    const target = parseTarget(this.#rawTarget);
    this.#body = this.#continued(bodyOf(this.#connection, this.#head.headers, false));
    this.#refuseOtherOrigins();
    const match = this.#context.router.match(this.#method, target.path);
    if (!match) throw notFound("page not found");
    this.#operation = match.operation;
    this.#checkVersion(target);
    this.#reply.header("Docker-Experimental", String(this.#context.experimental));
    if (!isServed(match.operation, this.#version)) throw notFound("page not found");
    this.#context.log.debug(`Calling ${this.#method} ${target.path}`);
    const handler = this.#context.handlers[match.id] as AnyHandler | undefined;
    if (!handler) throw notImplemented(`${match.id} is not supported`);
    const request = await decodeRequest(
      match,
      target,
      this.#version,
      this.#head,
      this.#body,
      () => this.#abort.signal,
    );
    this.#reply.status(match.operation.response.status);
    await tracer.request(`${this.#method} ${match.operation.path}`, this.#head.headers.traceparent, () =>
      this.#respond(match, handler, request),
    );
  }

  /** A page of another site, in the browser of somebody who can reach the daemon, must not command it. */
  #refuseOtherOrigins(): void {
    const { origin, host } = this.#head.headers;
    if (origin === undefined) return;
    if (!URL.canParse(origin) || new URL(origin).host !== host) {
      throw forbidden("requests from web pages of other origins are not allowed");
    }
  }

  /** Docker's version gate: headers first, so that a client that is refused learns what would work. */
  #checkVersion(target: Target): void {
    this.#version = target.version ?? maxApiVersion;
    this.#reply.header("Server", this.#context.serverName);
    this.#reply.header("Api-Version", maxApiVersion);
    this.#reply.header("Ostype", "linux");
    if (compareVersions(this.#version, minApiVersion) < 0) {
      throw invalidArgument(
        `client version ${this.#version} is too old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`,
      );
    }
    if (compareVersions(this.#version, maxApiVersion) > 0) {
      throw invalidArgument(
        `client version ${this.#version} is too new. Maximum supported API version is ${maxApiVersion}`,
      );
    }
  }

  /** A client that waits for `100 Continue` is told to go on when its body is first read. */
  #continued(body: BodyReader): BodyReader {
    if (body.ended || !listsWord(this.#head.headers.expect, "100-continue")) return body;
    let told = false;
    return {
      next: async () => {
        if (!told) await this.#connection.write("HTTP/1.1 100 Continue\r\n\r\n");
        told = true;
        return body.next();
      },
      get ended() {
        return body.ended;
      },
    };
  }

  async #respond(match: Match<OperationId>, handler: AnyHandler, request: AnyRequest): Promise<void> {
    const { response } = match.operation;
    switch (response.kind) {
      case "json": {
        const value = await handler(request, this.#reply);
        this.#reply.header("Content-Type", "application/json");
        const text = tracer.span("api.encode", () =>
          encodeText(response.schema ?? unreachable(), value, this.#version),
        );
        return this.#reply.whole(text);
      }
      case "text": {
        const text = (await handler(request, this.#reply)) as string;
        this.#reply.header("Content-Type", response.contentType ?? "text/plain");
        return this.#reply.whole(text);
      }
      case "empty":
        await handler(request, this.#reply);
        return this.#reply.whole("");
      case "messages":
        return this.#messages(match.operation, handler, request);
      case "stream":
        return this.#stream(match.operation, handler, request);
      case "hijack":
        return this.#hijack(match.operation, handler, request);
    }
  }

  async #messages(operation: Operation, handler: AnyHandler, request: AnyRequest): Promise<void> {
    const schema = operation.response.schema ?? unreachable();
    this.#reply.header("Content-Type", "application/json");
    await handler(request, {
      header: (name: string, value: string) => this.#reply.header(name, value),
      status: (code: number) => this.#reply.status(code),
      flush: () => this.#reply.begin(),
      send: async (message: unknown) => {
        await this.#reply.chunk(Buffer.from(encodeText(schema, message, this.#version)));
      },
    });
    await this.#reply.finish();
  }

  async #stream(operation: Operation, handler: AnyHandler, request: AnyRequest): Promise<void> {
    this.#reply.header("Content-Type", operation.response.contentType ?? "application/octet-stream");
    const source = (await handler(request, this.#reply)) as AsyncIterable<Uint8Array>;
    const iterator = source[Symbol.asyncIterator]();
    // An iteration that waits cannot be left: `return` is called at once, besides the signal. What it fails with then
    // concerns nobody: the client is gone.
    const leave = () => void Promise.resolve(iterator.return?.()).catch(() => {});
    this.#abort.signal.addEventListener("abort", leave, { once: true });
    let going = true;
    while (going) {
      const { value, done } = await iterator.next();
      if (done) break;
      going = await this.#reply.chunk(value);
    }
    this.#abort.signal.removeEventListener("abort", leave);
    if (!going) leave();
    else if (!this.#abort.signal.aborted) await this.#reply.finish();
  }

  async #hijack(operation: Operation, handler: AnyHandler, request: AnyRequest): Promise<void> {
    // What `hijack` answers with until then is for an answer without it: a detached exec.
    this.#reply.status(operation.response.status === 101 ? 200 : operation.response.status);
    await handler(request, {
      header: (name: string, value: string) => this.#reply.header(name, value),
      status: (code: number) => this.#reply.status(code),
      hijack: (format: HijackFormat) => this.#takeOver(format),
      upgrade: () => this.#upgrade(),
    });
    if (!this.#isTaken) return this.#reply.whole("");
    if (this.#hijacked) await ended(this.#hijacked);
    this.#connection.close();
  }

  #takeOver(format: HijackFormat): Duplex {
    const { upgrade, "sec-websocket-key": websocketKey } = this.#head.headers;
    const isWebsocket = websocketKey !== undefined && listsWord(upgrade, "websocket");
    const start = isWebsocket
      ? `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptKey(websocketKey)}\r\n`
      : this.#upgradeLines(format, upgrade);
    this.#take(start);
    const raw = duplexOf(this.#connection);
    this.#hijacked = isWebsocket ? websocketDuplex(raw) : raw;
    return this.#hijacked;
  }

  #upgrade(): Connection {
    const protocol = (this.#head.headers.upgrade ?? "h2c").replace(/[^\w/.-]/g, "");
    this.#take(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n`);
    return this.#connection;
  }

  /** From here on the connection speaks something else. */
  #take(start: string): void {
    this.#isTaken = true;
    void this.#connection.write(`${start}${this.#reply.headerLines()}\r\n`);
  }

  #upgradeLines(format: HijackFormat, upgrade: string | undefined): string {
    const multiplexed = format === "multiplexed" && compareVersions(this.#version, "1.42") >= 0;
    const contentType = `Content-Type: application/vnd.docker.${multiplexed ? "multiplexed" : "raw"}-stream\r\n`;
    if (upgrade === undefined) return `HTTP/1.1 200 OK\r\n${contentType}`;
    return `HTTP/1.1 101 UPGRADED\r\n${contentType}Connection: Upgrade\r\nUpgrade: tcp\r\n`;
  }

  async #fail(error: unknown): Promise<void> {
    const status = statusOf(error);
    if (status === 500 && !this.#abort.signal.aborted) {
      // A bug is told with where it happened.
      const isBug = error instanceof Error && !(error instanceof EngineError) && !isDiskFull(error);
      const detail = isBug ? error.stack : messageOf(error);
      this.#context.log.error(`Handler for ${this.#method} ${this.#rawTarget} returned error`, {
        error: detail,
      });
    }
    if (this.#hijacked) {
      this.#hijacked.destroy();
      return;
    }
    if (this.#reply.begun) return this.#failLate(error);
    this.#reply.status(status);
    this.#reply.header("Content-Type", "application/json");
    await this.#reply.whole(`${JSON.stringify({ message: messageOf(error) })}\n`);
  }

  /** An error after the answer began: the last message of a progress stream tells it; other streams are cut. */
  async #failLate(error: unknown): Promise<void> {
    if (this.#operation?.response.schema === JSONMessage) {
      const message = messageOf(error);
      const last: JSONMessage = { errorDetail: { message }, error: message };
      await this.#reply.chunk(Buffer.from(encodeText(JSONMessage, last, this.#version)));
      await this.#reply.finish();
    } else {
      // Without its last chunk, the client sees that the answer is not whole.
      this.#framing.close = true;
    }
  }

  /** Skips what the handler left of a body, so that the next request can be read; not when it is long. */
  async #skipBody(): Promise<boolean> {
    const body = this.#body;
    if (!body || body.ended) return body !== undefined;
    if (listsWord(this.#head.headers.expect, "100-continue")) return false;
    let left = 256 * 1024;
    while (left > 0) {
      const bytes = await body.next();
      if (!bytes) return true;
      left -= bytes.length;
    }
    return false;
  }
}

function isServed(operation: Operation, version: string): boolean {
  if (operation.since !== undefined && compareVersions(version, operation.since) < 0) return false;
  return operation.until === undefined || compareVersions(version, operation.until) <= 0;
}

function unreachable(): never {
  throw new Error("an operation that answers JSON has no schema");
}

/** Ends the stream if its user has not, and waits until its bytes are with the kernel. */
function ended(duplex: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (duplex.destroyed || duplex.writableFinished) return resolve();
    duplex.once("finish", resolve);
    duplex.once("close", resolve);
    if (!duplex.writableEnded) duplex.end();
  });
}
