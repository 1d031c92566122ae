import { Connection, type RawSocket } from "../../api/http1/connection.ts";
import { readHead } from "../../api/http1/head.ts";
import { operations } from "../../api/operations.ts";
import { isEngineError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { Exchange, type ExchangeContext } from "./exchange.ts";
import type { Handlers } from "./handler.ts";
import { Router } from "./router.ts";

export interface ApiServerOptions {
  readonly handlers: Handlers;
  /** The `Server` header: `Docker/28.2.2 (linux)`. */
  readonly serverName: string;
  readonly experimental?: boolean;
  /** Called for each request that comes. */
  readonly onRequest?: () => void;
  readonly log: Logger;
}

/**
 * How a peer's end of input is to be taken: over a Unix socket a peer that is gone is told apart from one that
 * half-closed, over TCP it is not, and is taken as gone, as Go's server does it.
 */
export type EndMeans = "half-closed" | "gone";

/** How long a client that was refused in the middle of a request may go on sending. */
const lingerMillis = 1000;

/** Serves the Engine API on the connections that listeners give it. */
export class ApiServer {
  readonly #context: ExchangeContext;
  readonly #onRequest: () => void;
  readonly #connections = new Set<Connection>();
  readonly #idle = new Set<Connection>();
  #closing = false;

  constructor(options: ApiServerOptions) {
    this.#onRequest = options.onRequest ?? (() => {});
    this.#context = {
      router: new Router(operations),
      handlers: options.handlers,
      serverName: options.serverName,
      experimental: options.experimental ?? false,
      log: options.log,
    };
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Serves a new connection; the caller feeds what the socket gives into the result. */
  accept(socket: RawSocket, endMeans: EndMeans): Connection {
    const connection = new Connection(socket);
    this.#connections.add(connection);
    connection.whenClosed(() => {
      this.#connections.delete(connection);
      this.#idle.delete(connection);
    });
    void this.#serve(connection, endMeans).catch((error: unknown) => {
      this.#context.log.error("API connection failed", { error: messageOf(error) });
      connection.destroy();
    });
    return connection;
  }

  async #serve(connection: Connection, endMeans: EndMeans): Promise<void> {
    let current: Exchange | undefined;
    let refused = false;
    connection.whenClosed(() => current?.abort());
    if (endMeans === "gone") connection.onInputEnd = () => current?.inputEnded();
    try {
      for (let more = true; more && !this.#closing && !connection.closed; ) {
        // Requests that a client has sent ahead must not keep the others from being heard.
        if (connection.hasInput) await turnOfOthers();
        this.#idle.add(connection);
        const head = await readHead(connection);
        this.#idle.delete(connection);
        if (!head) break;
        this.#onRequest();
        current = new Exchange(this.#context, connection, head);
        more = await current.run();
        refused = current.hasUnreadBody;
        current = undefined;
      }
    } catch (error) {
      if (!isEngineError(error, "invalidArgument")) throw error;
      await connection.write(badRequest(error.message));
      refused = true;
    }
    if (refused) await connection.closeAfterInput(lingerMillis);
    else connection.close();
  }

  /** Ends idle connections at once, the others after their answer or after `graceMillis`. */
  async close(graceMillis: number): Promise<void> {
    this.#closing = true;
    for (const connection of this.#idle) connection.close();
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMillis);
      for (const connection of this.#connections) {
        connection.whenClosed(() => {
          if (this.#connections.size > 0) return;
          clearTimeout(timer);
          resolve();
        });
      }
    });
    for (const connection of this.#connections) connection.destroy();
  }
}

/** Lets the event loop look at everything else first. */
function turnOfOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The answer to what is no HTTP request. */
function badRequest(reason: string): string {
  const text = `400 Bad Request: ${reason}`;
  return [
    "HTTP/1.1 400 Bad Request",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
    "",
    text,
  ].join("\r\n");
}
