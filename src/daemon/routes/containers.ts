import { invalidArgument, notFound } from "../../base/errors.ts";
import { Filters } from "../../base/filters.ts";
import { tracer } from "../../base/trace.ts";
import { attachToContainer } from "../../containers/attach.ts";
import {
  type CheckpointPlace,
  createCheckpoint,
  findCheckpoint,
  listCheckpoints,
  removeCheckpoint,
} from "../../containers/checkpoint.ts";
import type { Container } from "../../containers/container.ts";
import { createContainer } from "../../containers/create.ts";
import type { ContainerDeps } from "../../containers/deps.ts";
import { inspectContainer } from "../../containers/inspect.ts";
import { removeLink } from "../../containers/links.ts";
import { containerSummaries, listContainers, listFilters } from "../../containers/list.ts";
import { containerLogs } from "../../containers/logs.ts";
import { pauseContainer, unpauseContainer } from "../../containers/pause.ts";
import { pruneContainers, pruneFilters } from "../../containers/prune.ts";
import { removeContainer } from "../../containers/remove.ts";
import { renameContainer } from "../../containers/rename.ts";
import { restartContainer } from "../../containers/restart.ts";
import { addSizes } from "../../containers/size.ts";
import { startContainer } from "../../containers/start.ts";
import { killContainer, stopContainer } from "../../containers/stop.ts";
import { parseWaitCondition, waitForContainer } from "../../containers/wait.ts";
import { parsePlatform } from "../../oci/platform.ts";
import { defineHandlers, type Handlers } from "../http/handler.ts";

/** The operations of `/containers`. */
export function containerHandlers(
  deps: ContainerDeps,
  { experimental }: { experimental: boolean },
): Handlers {
  const checkpointToStart = (container: Container, place: CheckpointPlace) => {
    try {
      return findCheckpoint(deps, container, place);
    } catch (error) {
      // There can be none, says Docker. Where one was made nevertheless, it is good.
      if (!experimental) throw invalidArgument("checkpoint is only supported in experimental mode");
      throw error;
    }
  };
  const find = (request: { params: { id: string } }) => deps.set.find(request.params.id);
  return defineHandlers({
    async ContainerList({ query }) {
      const filters = Filters.from(query.filters, listFilters);
      const found = tracer.span("containers.list", () =>
        listContainers(deps, { all: query.all, limit: query.limit, filters }),
      );
      return Promise.all(
        containerSummaries(deps, found).map(({ container, summary }) =>
          addSizes(deps, container, summary, query.size),
        ),
      );
    },

    async ContainerCreate({ body, query }) {
      const { HostConfig, NetworkingConfig, ...config } = body;
      if (Object.keys(config).length === 0) {
        throw invalidArgument("config cannot be empty in order to create a container");
      }
      return createContainer(deps, {
        name: query.name,
        config,
        hostConfig: HostConfig ?? {},
        endpoints: NetworkingConfig?.EndpointsConfig ?? {},
        ...(query.platform === "" ? {} : { platform: parsePlatform(query.platform) }),
      });
    },

    async ContainerInspect(request) {
      const container = find(request);
      return addSizes(deps, container, inspectContainer(deps, container), request.query.size);
    },

    ContainerLogs(request) {
      return containerLogs(deps, find(request), request.query, request.signal);
    },

    async ContainerStart(request) {
      const container = find(request);
      const { checkpoint } = request.query;
      if (checkpoint !== "") {
        const where = { name: checkpoint, directory: request.query["checkpoint-dir"] };
        await startContainer(deps, container, { checkpoint: checkpointToStart(container, where) });
        return;
      }
      await startContainer(deps, container);
    },

    async ContainerStop(request) {
      const { signal, t } = request.query;
      await stopContainer(deps, find(request), { signal, timeout: t });
    },

    async ContainerRestart(request) {
      const { signal, t } = request.query;
      await restartContainer(deps, find(request), { signal, timeout: t });
    },

    async ContainerKill(request) {
      const { id } = request.params;
      if (!deps.set.has(id)) throw notFound(`cannot kill container: ${id}: No such container: ${id}`);
      await killContainer(deps, find(request), request.query.signal, id);
    },

    ContainerRename(request) {
      renameContainer(deps, find(request), request.query.name);
    },

    async CheckpointCreate(request) {
      const { CheckpointID: name = "", CheckpointDir: directory = "", Exit: exit = false } = request.body;
      await createCheckpoint(deps, find(request), { name, directory, exit });
    },

    CheckpointList(request) {
      const names = listCheckpoints(deps, find(request), request.query.dir);
      return names.map((Name) => ({ Name }));
    },

    CheckpointDelete(request) {
      const { params, query } = request;
      removeCheckpoint(deps, find(request), { name: params.checkpoint, directory: query.dir });
    },

    async ContainerPause(request) {
      await pauseContainer(deps, find(request));
    },

    async ContainerUnpause(request) {
      await unpauseContainer(deps, find(request));
    },

    async ContainerResize(request) {
      const { h = 0, w = 0 } = request.query;
      await deps.supervisor.resize({ id: find(request).id }, { height: h, width: w });
    },

    async ContainerAttach(request, reply) {
      const container = find(request);
      const tty = container.spec.config.Tty ?? false;
      await attachToContainer(deps, container, request.query, () =>
        reply.hijack(tty ? "raw" : "multiplexed"),
      );
    },

    async ContainerWait(request, reply) {
      const condition = parseWaitCondition(request.query.condition);
      const waiting = waitForContainer(deps, find(request), condition, request.signal);
      // The client starts the container when it has seen the headers.
      reply.flush();
      const { exitCode, error } = await waiting;
      await reply.send({
        StatusCode: exitCode,
        ...(error === undefined ? {} : { Error: { Message: error } }),
      });
    },

    async ContainerDelete(request) {
      const { force, link, v } = request.query;
      if (link) return removeLink(deps, request.params.id);
      await removeContainer(deps, find(request), { force, volumes: v });
    },

    async ContainerPrune({ query }) {
      return pruneContainers(deps, Filters.from(query.filters, pruneFilters));
    },
  });
}
