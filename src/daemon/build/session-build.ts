import { parseCacheEntry } from "../../api/buildkit/cache-entries.ts";
import { StatusResponse } from "../../api/buildkit/control.ts";
import type { QueryOf } from "../../api/operations.ts";
import type { JSONMessage } from "../../api/progress.ts";
import { invalidArgument } from "../../base/errors.ts";
import { grant, hostNetwork } from "../../builder/entitlements.ts";
import type { Sessions } from "../../builder/session/sessions.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Output } from "./export.ts";
import type { FrontendAttrs } from "./frontend-options.ts";
import { solve } from "./solve.ts";
import { StatusProgress } from "./status-progress.ts";
import type { Uploads } from "./uploads.ts";

export interface SessionBuildRequest {
  query: QueryOf<"ImageBuild">;
  sessions: Sessions;
  uploads: Uploads;
  signal: AbortSignal;
}

/**
 * `POST /build?version=2&session=…`: what Docker's client before 23 sends. How it goes is told as BuildKit's status in
 * `moby.buildkit.trace`. The context comes through the session, from an address, or as a request of its own.
 */
export async function sessionBuild(
  engine: Engine,
  { query, sessions, uploads, signal }: SessionBuildRequest,
  send: (message: JSONMessage) => Promise<void>,
): Promise<void> {
  const [output, ...more] = outputsOf(query);
  if (more.length > 0) throw invalidArgument("multiple outputs not supported");
  const session = await sessions.find(query.session, signal);
  const progress = new StatusProgress((status) =>
    send({ id: "moby.buildkit.trace", aux: StatusResponse.encode(status).toString("base64") }),
  );
  await using archive = query.remote === uploadRemote ? await uploads.take(query.buildid, signal) : undefined;
  const answer = await solve(engine, {
    session,
    sessions,
    attrs: attrsOf(query),
    imports: (query.cachefrom ?? []).flatMap((text) => parseCacheEntry(text)),
    outputs: output === undefined ? [] : [output],
    entitlements: grant(hostNetwork(query.networkmode), engine.settings.entitlements),
    archive: archive?.body,
    progress,
    signal,
  });
  const ID = answer["containerimage.digest"];
  if (ID === undefined) return;
  await send({ id: "moby.image.id", aux: { ID } });
  if (query.q) await send({ stream: `${ID}\n` });
}

const uploadRemote = "upload-request";

function outputsOf({ outputs, t }: QueryOf<"ImageBuild">): Output[] {
  if (outputs === undefined || outputs.length === 0) return [{ Type: "moby", Attrs: { name: t.join(",") } }];
  const names = t.length > 0 ? { name: t.join(",") } : {};
  return outputs.map(({ Type, Attrs }) => ({ Type, Attrs: { ...names, ...Attrs } }));
}

/** The query in the terms of BuildKit's `dockerfile.v0`. */
function attrsOf(query: QueryOf<"ImageBuild">): FrontendAttrs {
  const { remote } = query;
  const isLocal = remote === "" || remote === "client-session" || remote === uploadRemote;
  const prefixed = (prefix: string, values: Record<string, string | null> | undefined) =>
    Object.fromEntries(
      Object.entries(values ?? {}).flatMap(([name, value]) =>
        value === null ? [] : [[prefix + name, value]],
      ),
    );
  const ulimits = (query.ulimits ?? []).map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`);
  const said: Record<string, string> = {
    ...prefixed("build-arg:", query.buildargs),
    ...prefixed("label:", query.labels),
    filename: query.dockerfile,
    target: query.target,
    platform: query.platform,
    context: isLocal ? "" : remote,
    "force-network-mode": query.networkmode,
    "add-hosts": query.extrahosts,
    "cgroup-parent": query.cgroupparent,
    "shm-size": query.shmsize ? String(query.shmsize) : "",
    ulimit: ulimits.join(","),
    "image-resolve-mode": query.pull ? "pull" : "",
  };
  const attrs = Object.fromEntries(
    Object.entries(said).filter(([name, value]) => value !== "" || name.startsWith("build-arg:")),
  );
  return query.nocache ? { ...attrs, "no-cache": "" } : attrs;
}
