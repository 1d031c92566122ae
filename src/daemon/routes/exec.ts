import type { ContainerDeps } from "../../containers/deps.ts";
import { createExec, startExec } from "../../containers/exec.ts";
import { inspectExec } from "../../containers/execs.ts";
import { defineHandlers, type Handlers } from "../http/handler.ts";

/** The operations of `/exec`, and the one of `/containers` that makes an exec. */
export function execHandlers(deps: ContainerDeps): Handlers {
  return defineHandlers({
    ContainerExec({ params, body }) {
      return { Id: createExec(deps, deps.set.find(params.id), body, params.id) };
    },

    async ExecStart({ params, body = {} }, reply) {
      const exec = deps.execs.find(params.id);
      if (body.Detach) reply.status(200);
      await startExec(deps, exec, body, () => reply.hijack(body.Tty ? "raw" : "multiplexed"));
    },

    async ExecResize({ params, query }) {
      const exec = deps.execs.find(params.id);
      const { h = 0, w = 0 } = query;
      await deps.supervisor.resize({ id: exec.container.id, execId: exec.id }, { height: h, width: w });
    },

    ExecInspect({ params }) {
      return inspectExec(deps.execs.find(params.id));
    },
  });
}
