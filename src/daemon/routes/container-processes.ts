import { containerStats } from "../../containers/stats.ts";
import { topProcesses } from "../../containers/top.ts";
import { updateContainer } from "../../containers/update.ts";
import type { Engine } from "../../engine/engine.ts";
import { defineHandlers, type Handlers } from "../http/handler.ts";

/** What containers use, and what they may use: `top`, `stats`, `update`. */
export function containerProcessHandlers({ containers: deps, cgroup }: Engine): Handlers {
  return defineHandlers({
    ContainerTop: ({ params, query }) => topProcesses(deps, deps.set.find(params.id), query.ps_args),

    async ContainerStats({ params, query, signal }, reply) {
      const container = deps.set.find(params.id);
      const options = { stream: query.stream, oneShot: query["one-shot"], signal };
      for await (const sample of containerStats(deps, cgroup, container, options)) await reply.send(sample);
    },

    async ContainerUpdate({ params, body }) {
      return updateContainer(deps, deps.set.find(params.id), body);
    },
  });
}
