import type { CacheEntry } from "../../api/buildkit/cache-entries.ts";
import { rfc3339Nano } from "../../base/clock.ts";
import type { Cleanups } from "../../base/disposables.ts";
import type { Circumstances } from "../../builder/attest/provenance.ts";
import { type Built, build } from "../../builder/build.ts";
import type { Entitlements } from "../../builder/entitlements.ts";
import type { BuildOptions, SocketAccess } from "../../builder/options.ts";
import { planBuild } from "../../builder/plan.ts";
import type { BuildProgress, Vertex } from "../../builder/progress.ts";
import type { ClientSession } from "../../builder/session/client-session.ts";
import { neededPaths } from "../../builder/session/needed-paths.ts";
import { agentSocket, credentialsOf, secretOf } from "../../builder/session/services.ts";
import type { Sessions } from "../../builder/session/sessions.ts";
import { SyncedContext } from "../../builder/session/synced-context.ts";
import type { StageState } from "../../builder/stage-state.ts";
import { parseDockerfile } from "../../dockerfile/dockerfile.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Lease } from "../../images/blobs.ts";
import { formatPlatform, hostPlatform } from "../../oci/platform.ts";
import { sessionImports } from "./cache-imports.ts";
import { type Definition, openDefinition } from "./definition.ts";
import { type FrontendAttrs, frontendOptions, platformsOf } from "./frontend-options.ts";
import type { StatusProgress } from "./status-progress.ts";
import { type Answer, answerRequest, describe, describeRequests, readsContexts } from "./subrequests.ts";

/** A build as BuildKit's clients ask for it. */
export interface EvaluateRequest {
  session: ClientSession;
  /** Those that further folders are in. */
  sessions: Sessions;
  attrs: FrontendAttrs;
  /** What the client allows steps to have, as far as the daemon does. */
  entitlements: Entitlements;
  /** `--cache-from`, besides what the attributes say of it. */
  imports: readonly CacheEntry[];
  /** Results of other builds that the client hands in, by the name that it gives them. */
  inputs: (name: string) => StageState | undefined;
  /** The context's archive, where the client sends it apart from the session. */
  archive?: AsyncIterable<Uint8Array> | undefined;
  progress: StatusProgress;
  /** Keeps the layers until the result was exported. */
  lease: Lease;
  /** Gives back what is kept for the time of the build. */
  owned: Cleanups;
  signal: AbortSignal;
}

/** What came of a Dockerfile for one platform. */
export interface Evaluated {
  built: Built;
  options: BuildOptions;
  about: Omit<Circumstances, "finished">;
}

/** Carries out a Dockerfile for each platform that is asked for, side by side. Throws as `build` does. */
export async function evaluate(engine: Engine, request: EvaluateRequest): Promise<Evaluated[]> {
  const { attrs, progress, owned, session, lease } = request;
  const started = rfc3339Nano(engine.builder.containers.clock.nowNanos());
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const imported = sessionImports(engine, { ...request, signal });
  const definition = await openDefinition({
    ...request,
    deps: engine.builder,
    archive: request.archive,
    owned,
    signal,
  });
  const platforms = platformsOf(attrs.platform ?? "");
  const all = platforms.map((platform) =>
    toOptions(engine, { ...request, signal }, definition, { ...frontendOptions(attrs), imported, platform }),
  );
  progress.source({ filename: definition.name, data: Buffer.from(definition.dockerfile) });
  onlyNeeded(definition, all);
  const about = {
    attrs,
    dockerfile: { name: definition.name, text: definition.dockerfile },
    locals: definition.locals,
    started,
    invocation: crypto.randomUUID().replaceAll("-", ""),
  };
  const work = all.map(async (options): Promise<Evaluated> => {
    const shown = all.length === 1 ? progress : forPlatform(progress, formatPlatform(options.platform));
    const built = await build(engine.builder, options, shown, lease);
    for (const material of definition.materials) built.record.material(material);
    return { options, built, about: { ...about, network: options.network } };
  });
  try {
    return await Promise.all(work);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(work);
    session.rpc.closed.throwIfAborted();
    throw error;
  }
}

/** Answers a question about a Dockerfile (`requestid`) without building it. Throws as `answerRequest` does. */
export async function answer(engine: Engine, request: EvaluateRequest, requestid: string): Promise<Answer> {
  if (requestid === describe) return describeRequests();
  const { attrs, progress } = request;
  const deps = engine.builder;
  const withNamed = readsContexts(requestid);
  const definition = await openDefinition({ ...request, deps, archive: request.archive, withNamed });
  progress.source({ filename: definition.name, data: Buffer.from(definition.dockerfile) });
  const [platform = hostPlatform()] = platformsOf(attrs.platform ?? "");
  const options = toOptions(engine, request, definition, { ...frontendOptions(attrs), platform });
  return answerRequest(requestid, { deps: engine.builder, options });
}

function toOptions(
  engine: Engine,
  { session, owned, signal, entitlements }: EvaluateRequest,
  { dockerfile, name, context, named, isIgnored }: Definition,
  said: ReturnType<typeof frontendOptions> & Pick<BuildOptions, "platform" | "imported">,
): BuildOptions {
  const agents = new Map<string, Promise<string | undefined>>();
  const agent = (id: string, access: SocketAccess) => {
    const { execRoot } = engine.settings;
    const key = JSON.stringify([id, access]);
    const known = agents.get(key) ?? agentSocket(session, id, { execRoot, access, owned, signal });
    agents.set(key, known);
    return known;
  };
  return {
    ...said,
    dockerfile,
    dockerfileName: name,
    context,
    isIgnored,
    namedContexts: named,
    entitlements,
    secrets: (id) => secretOf(session, id, signal),
    agent,
    credentials: (registry) => credentialsOf(session, registry, signal),
    tags: [],
    signal,
  };
}

/** Only what the stages take travels. */
function onlyNeeded({ context, named, dockerfile }: Definition, all: readonly BuildOptions[]): void {
  const parsed = parseDockerfile(dockerfile);
  const plans = all.map((options) => planBuild(parsed, options));
  const needed = (name: string) => {
    const paths = plans.map((plan) => neededPaths(plan, name));
    return paths.some((one) => one === undefined)
      ? undefined
      : [...new Set(paths.flatMap((one) => one ?? []))].sort();
  };
  if (context instanceof SyncedContext) context.only(needed(""));
  for (const [name, one] of named)
    if (one instanceof SyncedContext) one.only(needed(name.split("::", 1)[0] ?? ""));
}

/** Steps of several platforms are told apart by it. */
function forPlatform(progress: BuildProgress, platform: string): BuildProgress {
  const of = (vertex: Vertex): Vertex => ({
    ...vertex,
    id: `${platform} ${vertex.id}`,
    inputs: vertex.inputs.map((id) => `${platform} ${id}`),
    name: vertex.name.replace(/^\[/, `[${platform} `),
  });
  return {
    begin: (vertex) => progress.begin(of(vertex)),
    log: (vertex, stream, data) => progress.log(of(vertex), stream, data),
    pulling: (vertex, message) => progress.pulling(of(vertex), message),
    end: (vertex, end) => progress.end(of(vertex), end),
    warn: (warning) => progress.warn(warning),
  };
}
