import { invalidArgument } from "../../base/errors.ts";
import { exportContainer, extractArchive, readArchive } from "../../containers/archive.ts";
import { absolutePath, findFile, type PathStat } from "../../containers/file-stat.ts";
import { containerPaths } from "../../containers/paths.ts";
import { reach } from "../../containers/reach.ts";
import { commitContainer } from "../../engine/commit.ts";
import type { Engine } from "../../engine/engine.ts";
import { defineHandlers, type Handlers, type Reply } from "../http/handler.ts";
import { namedTag } from "./references.ts";

/** The operations on the files of containers: `cp`, `export`, `diff`, `commit`. */
export function containerFileHandlers(engine: Engine): Handlers {
  const deps = { ...engine.containers, workers: engine.workers, packers: engine.packers };
  const find = (id: string) => deps.set.find(id);
  return defineHandlers({
    async ContainerArchiveInfo({ params, query }, reply) {
      const [container, path] = [find(params.id), required(query.path)];
      await reach(deps, container, absolutePath(path));
      using found = findFile(deps, container, params.id, path);
      tell(reply, found.stat);
    },

    async ContainerArchive({ params, query }, reply) {
      const { stat, archive } = await readArchive(deps, find(params.id), params.id, required(query.path));
      tell(reply, stat);
      return archive;
    },

    async PutContainerArchive({ params, query, body, signal }) {
      await extractArchive(deps, find(params.id), {
        path: required(query.path),
        called: params.id,
        keepKinds: query.noOverwriteDirNonDir,
        asUser: query.copyUIDGID,
        archive: body,
        signal,
      });
    },

    ContainerExport: ({ params }) => exportContainer(deps, find(params.id)),

    async ContainerChanges({ params }) {
      const { id, spec } = find(params.id);
      const layers = spec.layers.map((layer) => deps.layers.path(layer)).toReversed();
      const { upper } = containerPaths(deps.roots, id);
      const changes = await deps.workers.run("changes", { upper, lower: layers });
      return changes.length > 0 ? changes.map(({ kind, path }) => ({ Kind: kind, Path: path })) : null;
    },

    async ImageCommit({ query, body, signal }) {
      const id = await commitContainer(engine, {
        container: find(query.container),
        config: body,
        changes: query.changes,
        reference: query.repo === "" ? undefined : namedTag(query.repo, query.tag),
        author: query.author,
        comment: query.comment,
        pause: query.pause,
        signal,
      });
      return { Id: id };
    },
  });
}

function required(path: string): string {
  if (path === "") throw invalidArgument("bad parameter: 'path' cannot be empty");
  return path;
}

function tell(reply: Reply, stat: PathStat): void {
  reply.header("X-Docker-Container-Path-Stat", Buffer.from(JSON.stringify(stat)).toString("base64"));
}
