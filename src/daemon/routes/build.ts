import { serveGrpc } from "../../api/grpc/server.ts";
import type { JSONMessage } from "../../api/progress.ts";
import { cancelled, invalidArgument } from "../../base/errors.ts";
import { Filters } from "../../base/filters.ts";
import { Sessions } from "../../builder/session/sessions.ts";
import type { Credentials } from "../../distribution/credentials.ts";
import { buildPruneFilters, pruneBuildCache } from "../../engine/build-cache.ts";
import type { Engine } from "../../engine/engine.ts";
import { classicBuild } from "../build/classic-build.ts";
import { controlMethods } from "../build/control.ts";
import { sessionBuild } from "../build/session-build.ts";
import { errorDetails } from "../build/solve-error.ts";
import { Uploads, uploadFor } from "../build/uploads.ts";
import { defineHandlers, type Handlers } from "../http/handler.ts";

/** Builds that are under way, by the id that the client has given them. */
type Running = Map<string, AbortController>;

/** The operations of `/build`. */
export function buildHandlers(engine: Engine): Handlers {
  const running: Running = new Map();
  const sessions = new Sessions();
  const uploads = new Uploads();
  const control = controlMethods(engine, sessions);
  return defineHandlers({
    async ImageBuild({ query, body, headers, signal }, reply) {
      const stop = new AbortController();
      if (query.buildid !== "") running.set(query.buildid, stop);
      try {
        const registries = registryConfig(headers["x-registry-config"]);
        const ends = AbortSignal.any([signal, stop.signal]);
        const send = (message: JSONMessage) => reply.send(message);
        const upload = query.version === "2" ? uploadFor(query.buildid) : undefined;
        if (upload !== undefined) {
          // Without an answer before its end: Docker's client closes the connection as soon as there is one.
          await uploads.offer(upload, body, ends);
        } else if (query.version === "2") {
          reply.flush();
          await sessionBuild(engine, { query, sessions, uploads, signal: ends }, send);
        } else await classicBuild(engine, { query, body, registries, signal: ends }, send);
      } finally {
        running.delete(query.buildid);
      }
    },

    BuildCancel({ query }) {
      if (query.id === "") throw invalidArgument("build ID not provided");
      running.get(query.id)?.abort(cancelled("context canceled"));
    },

    async Session({ headers }, reply) {
      const named = (name: string) => headers[`x-docker-expose-session-${name}`] ?? "";
      const head = {
        id: named("uuid"),
        sharedKey: named("sharedkey"),
        methods: named("grpc-method")
          .split(",")
          .map((method) => method.trim()),
      };
      if (head.id === "") throw invalidArgument("a session needs an id");
      await sessions.serve(head, reply.upgrade());
    },

    async Grpc(_, reply) {
      await serveGrpc(reply.upgrade(), { methods: control, details: errorDetails });
    },

    BuildPrune: ({ query }) =>
      pruneBuildCache(engine, {
        all: query.all,
        filters: Filters.from(query.filters, buildPruneFilters),
        keep: query["reserved-space"] || query["keep-storage"] || query["max-used-space"] || 0,
      }),
  });
}

/** `X-Registry-Config`: credentials by registry, JSON in base64. Throws `invalidArgument`. */
function registryConfig(header: string | undefined): Record<string, Credentials> {
  if (header === undefined || header === "") return {};
  try {
    const text = Buffer.from(header.replaceAll("-", "+").replaceAll("_", "/"), "base64").toString("utf8");
    return JSON.parse(text) as Record<string, Credentials>;
  } catch (error) {
    throw invalidArgument("invalid X-Registry-Config header", error);
  }
}
