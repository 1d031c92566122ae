import type { EventMessage } from "../../api/system.ts";
import { invalidArgument } from "../../base/errors.ts";
import { Filters } from "../../base/filters.ts";
import { parseTime } from "../../containers/logs.ts";
import { diskUsage } from "../../engine/df.ts";
import type { Engine } from "../../engine/engine.ts";
import { eventFilters } from "../../engine/event-filters.ts";
import type { EngineEvent } from "../../engine/events.ts";
import { systemInfo, systemVersion } from "../../engine/info.ts";
import { defineHandlers, type Handlers, type Reply } from "../http/handler.ts";

/** `/_ping`, `/version`, `/info`, `/events`, `/system/df`. */
export function systemHandlers(engine: Engine): Handlers {
  return defineHandlers({
    SystemPing: (_request, reply) => ping(reply),
    SystemPingHead: (_request, reply) => ping(reply),
    SystemVersion: () => systemVersion(engine.settings),
    SystemInfo: () => systemInfo(engine),

    async SystemEvents({ query, signal }, reply) {
      const now = engine.clock.nowNanos();
      const since = parseTime(query.since, "since", now);
      const until = parseTime(query.until, "until", now);
      if (until !== undefined && until < (since ?? until)) {
        const told = `(${query.since}) cannot be after \`until\` time (${query.until})`;
        throw invalidArgument(`\`since\` time ${told}`);
      }
      const filters = Filters.from(query.filters, eventFilters);
      const events = engine.events.listen({ since, until, filters, signal });
      reply.flush();
      for await (const event of events) await reply.send(toMessage(event));
    },

    // There are none to install.
    PluginList: () => [],

    SystemDataUsage: ({ query }) => diskUsage(engine, query.type),
  });
}

function ping(reply: Reply): string {
  reply.header("Cache-Control", "no-cache, no-store, must-revalidate");
  reply.header("Pragma", "no-cache");
  // What `docker build` is to use: BuildKit's protocol.
  reply.header("Builder-Version", "2");
  reply.header("Swarm", "inactive");
  return "OK";
}

function toMessage(event: EngineEvent): EventMessage {
  const { image } = event.Actor.Attributes;
  // Old clients read these.
  const legacy = {
    status: event.Action,
    id: event.Actor.ID,
    ...(event.Type === "container" && image !== undefined ? { from: image } : {}),
  };
  const told = event.Type === "container" || event.Type === "image" ? legacy : {};
  return { ...told, ...event };
}
