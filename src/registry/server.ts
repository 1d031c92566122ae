import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isEngineError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { answerOf, RegistryError } from "./errors.ts";
import { type Exchange, sendEmpty, sendJson } from "./http.ts";
import { route } from "./routes.ts";
import type { RegistryStore } from "./store.ts";

/** A connection on which nothing moves for so long is closed. */
const idleMillis = 5 * 60_000;
/** How long the body of a refused request is taken and dropped. */
const drainMillis = 30_000;
/** What is under way at a stop may take so long to end. */
const stopMillis = 10_000;

/** A registry that is listening. */
export interface RegistryServer {
  /** `http://127.0.0.1:5000`, with the port that was really taken. */
  url: string;
  /** Takes no more requests, lets those under way end for a while, then cuts them off. */
  stop(): Promise<void>;
}

/**
 * Serves `store` over plain HTTP on `host`:`port` (0: any free port). Rejects with the errno of listen(2)
 * (`EADDRINUSE`, …). There is no authentication: whoever reaches the port may push.
 */
export async function serveRegistry(
  store: RegistryStore,
  { host, port, log }: { host: string; port: number; log: Logger },
): Promise<RegistryServer> {
  const server = createServer((request, response) => {
    // After a stop no connection is kept for further requests.
    if (!server.listening) response.setHeader("Connection", "close");
    void answer(request, response, store, log);
  });
  // A big blob over a slow line takes long; what counts is whether bytes still come.
  server.requestTimeout = 0;
  server.timeout = idleMillis;
  await listen(server, host, port);
  const { address, family, port: taken } = server.address() as AddressInfo;
  const url = `http://${family === "IPv6" ? `[${address}]` : address}:${taken}`;
  return { url, stop: () => stop(server) };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(cut);
      clearInterval(tidy);
      resolve();
    };
    const cut = setTimeout(() => {
      server.closeAllConnections();
      done();
    }, stopMillis);
    // A connection may become idle only now, when its download has ended.
    const tidy = setInterval(() => server.closeIdleConnections(), 50);
    server.close(done);
    server.closeIdleConnections();
  });
}

/** Answers one request; never rejects. */
async function answer(request: IncomingMessage, response: ServerResponse, store: RegistryStore, log: Logger) {
  const method = request.method ?? "";
  const [path = "", search = ""] = (request.url ?? "").split("?", 2);
  const exchange: Exchange = { request, response, query: new URLSearchParams(search), store, log };
  response.setHeader("Docker-Distribution-Api-Version", "registry/2.0");
  response.setHeader("X-Content-Type-Options", "nosniff");
  try {
    refuseBrowsers(request);
    await route(path, method)(exchange);
  } catch (error) {
    fail(exchange, error);
  }
  const outcome = response.destroyed && !response.writableFinished ? "aborted" : response.statusCode;
  log.debug(`${method} ${path}`, { status: outcome });
}

/**
 * Web pages must not write to a registry on the same machine, which has no other guard. Browsers send `Origin` with
 * all that can change something; clients of registries never do.
 */
function refuseBrowsers({ method = "", headers }: IncomingMessage): void {
  if (headers.origin !== undefined && method !== "GET" && method !== "HEAD")
    throw new RegistryError("DENIED");
}

function fail(exchange: Exchange, error: unknown): void {
  const { request, response, log } = exchange;
  const broken = request.destroyed && !request.complete;
  if (!isEngineError(error) && !broken) {
    log.error(`${request.method} ${request.url}`, {
      error: messageOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
  }
  if (response.headersSent || broken) {
    response.destroy();
    return;
  }
  drain(request);
  const { status, headers, body } = answerOf(error);
  if (status === 304) sendEmpty(exchange, status, headers);
  else sendJson(exchange, status, body, headers);
}

/**
 * Reads on, for a while, what the client still sends: many look for the answer only when they have sent their body, and
 * a connection that is closed before would take the answer with it.
 */
function drain(request: IncomingMessage): void {
  if (request.complete) return;
  const cut = setTimeout(() => request.destroy(), drainMillis);
  request.once("close", () => clearTimeout(cut));
  request.resume();
}
