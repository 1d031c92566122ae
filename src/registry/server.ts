import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isEngineError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type AccessLog, noAccessLog } from "./access-log.ts";
import { answerOf, RegistryError } from "./errors.ts";
import { mountScopes } from "./handlers/uploads.ts";
import { type Exchange, sendEmpty, sendJson } from "./http.ts";
import { type Certificate, Listener } from "./listener.ts";
import { originOf } from "./origin.ts";
import { defaultRegistryOptions, openRegistry, type Registry, type RegistryOptions } from "./registry.ts";
import { type Call, handlerOf, route } from "./routes.ts";
import { serveOther } from "./services.ts";
import type { RegistryStore } from "./store.ts";

/** How long the body of a refused request is taken and dropped. */
const drainMillis = 30_000;
const flushMillis = 5000;

/** A registry that is listening. */
export interface RegistryServer {
  /** `http://127.0.0.1:5000`, with the port that was really taken. */
  url: string;
  registry: Registry;
  /** New connections get this certificate. Rejects with `invalidArgument` for one that cannot be used. */
  renew(certificate: Certificate): Promise<void>;
  /** Takes no more requests, lets those under way end for a while, then cuts them off. */
  stop(): Promise<void>;
}

interface ListenOptions {
  host: string;
  port: number;
  log: Logger;
  tls?: Certificate | undefined;
  accessLog?: AccessLog;
  options?: RegistryOptions;
}

/** Serves `store` on `host`:`port` (0: any free port). Rejects with the errno of listen(2) (`EADDRINUSE`, …). */
export async function serveRegistry(store: RegistryStore, listening: ListenOptions): Promise<RegistryServer> {
  const { host, port, log, tls, accessLog = noAccessLog, options = defaultRegistryOptions } = listening;
  const registry = await openRegistry(store, options, log);
  const scheme = tls ? "https" : "http";
  const listener = await Listener.listen({ host, port, tls }, (request, response) => {
    void answer(request, response, registry, { accessLog, scheme });
  });
  const flushing = setInterval(() => void flush(registry), flushMillis);
  return {
    url: `${scheme}://${listener.address}`,
    registry,
    renew: (certificate) => listener.renew(certificate),
    stop: async () => {
      await listener.stop();
      clearInterval(flushing);
      await registry.notifier.stop();
      await flush(registry);
    },
  };
}

async function flush({ store, log }: Registry): Promise<void> {
  try {
    await store.flush();
    await store.mend();
  } catch (error) {
    log.error("writing down", { error: messageOf(error) });
  }
}

/** Answers one request; never rejects. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  { accessLog, scheme }: { accessLog: AccessLog; scheme: string },
): Promise<void> {
  const began = performance.now();
  const sentBefore = request.socket.bytesWritten;
  const [path = "", search = ""] = (request.url ?? "").split("?", 2);
  const { store, options } = registry;
  const { authorization } = request.headers;
  const { externalUrl: fixed, trustedProxies: trusted } = options;
  const info = { authorization, ...originOf(request, { scheme, trusted, fixed }) };
  const identity = await anonymous;
  const query = new URLSearchParams(search);
  const exchange: Exchange = {
    id: randomUUID(),
    request,
    response,
    path,
    query,
    registry,
    store,
    identity,
    info,
  };
  registry.metrics.begin();
  response.once("close", () => {
    const millis = performance.now() - began;
    const status = response.writableFinished ? response.statusCode : 499;
    const told = request.method === "HEAD" ? 0 : Number(response.getHeader("content-length") ?? 0);
    const bytes = response.writableFinished ? told : request.socket.bytesWritten - sentBefore;
    registry.metrics.end({ handler: handlerOf(path), method: request.method ?? "", status }, millis, bytes);
    accessLog(exchange, { status, millis, bytes });
  });
  response.setHeader("X-Content-Type-Options", "nosniff");
  for (const [name, value] of Object.entries(options.headers)) response.setHeader(name, value);
  try {
    await dispatch(exchange);
  } catch (error) {
    fail(exchange, error);
  }
}

const anonymous = Promise.resolve({
  account: undefined,
  may: async () => false,
  visible: async () => ({ sql: "1 = 0", values: [] }),
});

async function dispatch(exchange: Exchange): Promise<void> {
  const { request, response, path, registry } = exchange;
  if (!/^\/(?:v2$|v2\/|v1\/repositories\/)/.test(path)) return await serveOther(exchange);
  response.setHeader("Docker-Distribution-Api-Version", "registry/2.0");
  refuseBrowsers(request);
  const call = await authorized(exchange, () => route(path, request.method ?? ""));
  if (call.needs?.action === "delete" && !registry.options.deletes) throw new RegistryError("METHOD");
  if (call.needs && call.needs.action !== "pull" && registry.mirrors.of(call.needs.repository)) {
    throw new RegistryError("DENIED", { message: "this repository is a copy of another registry's" });
  }
  await call.run(exchange);
}

/** Finds what answers the request once it is known who asks and that they may. Throws UNAUTHORIZED, DENIED. */
async function authorized(exchange: Exchange, find: () => Call): Promise<Call> {
  const { registry, info } = exchange;
  const { authenticator, mirrors } = registry;
  try {
    exchange.identity = await authenticator.identify(info);
  } catch (error) {
    if (!isEngineError(error, "unauthorized")) throw error;
    throw challenged(exchange, undefined, "UNAUTHORIZED", error);
  }
  const { identity } = exchange;
  if (
    identity.account === undefined &&
    info.authorization === undefined &&
    registry.options.auth.kind !== "none"
  ) {
    // Who does not log in learns nothing but how to.
    if (/^\/v2\/?$/.test(exchange.path) || registry.options.auth.kind === "htpasswd") {
      throw challenged(exchange, undefined, "UNAUTHORIZED");
    }
  }
  const call = find();
  if (!call.needs) return call;
  const { repository, action } = call.needs;
  if (await identity.may(repository, action)) return call;
  if (action === "pull" && mirrors.of(repository)?.isOpenTo(identity.account)) return call;
  throw challenged(exchange, call.needs, info.authorization === undefined ? "UNAUTHORIZED" : "DENIED");
}

function challenged(
  exchange: Exchange,
  needs: Call["needs"],
  kind: "UNAUTHORIZED" | "DENIED",
  cause?: unknown,
) {
  const { info, registry } = exchange;
  const scopes = needs ? [needs, ...mountScopes(exchange.query)] : [];
  const challenge = registry.authenticator.challenge(info, scopes, info.authorization !== undefined);
  const headers: Record<string, string> = challenge === undefined ? {} : { "WWW-Authenticate": challenge };
  const details = needs ? [{ repository: needs.repository, action: needs.action }] : [];
  return new RegistryError(kind, {
    headers,
    details,
    cause,
    ...(challenge !== undefined && { status: 401 }),
  });
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
  const { request, response, registry } = exchange;
  const broken = request.destroyed && !request.complete;
  if (!isEngineError(error) && !broken) {
    registry.log.error(`${request.method} ${request.url}`, {
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
  const cut = setTimeout(() => request.destroy(), drainMillis).unref();
  request.once("close", () => clearTimeout(cut));
  request.resume();
}
