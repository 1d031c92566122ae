import { checkImport } from "../../api/buildkit/cache-entries.ts";
import {
  DiskUsageRequest,
  DiskUsageResponse,
  Empty,
  InfoResponse,
  ListWorkersResponse,
  PruneRequest,
  SolveRequest,
  SolveResponse,
  StatusRequest,
  type Timestamp,
  UsageRecord,
  type WorkerRecord,
} from "../../api/buildkit/control.ts";
import { type Method, only, unary } from "../../api/grpc/server.ts";
import { invalidArgument, notImplemented } from "../../base/errors.ts";
import { Filters } from "../../base/filters.ts";
import type { MessageOf } from "../../base/protobuf.ts";
import { attestsOf } from "../../builder/attest/requests.ts";
import { grant } from "../../builder/entitlements.ts";
import type { Sessions } from "../../builder/session/sessions.ts";
import { buildCacheUsage, buildPruneFilters, pruneBuildCache } from "../../engine/build-cache.ts";
import type { Engine } from "../../engine/engine.ts";
import { hostPlatform } from "../../oci/platform.ts";
import { cacheExports } from "./cache-exports.ts";
import { controlSession } from "./control-session.ts";
import { outputsOf } from "./exporters.ts";
import { frontendOf } from "./frontend-options.ts";
import { gatewayMethods } from "./gateway.ts";
import { Job, type JobCaches } from "./job.ts";
import { Jobs } from "./jobs.ts";
import { asBuildkit } from "./solve-error.ts";

/** The release of BuildKit whose behaviour this is. */
const buildkitVersion = { package: "github.com/moby/buildkit", version: "v0.22.0", revision: "" };

const control = "/moby.buildkit.v1.Control/";

/** `moby.buildkit.v1.Control` and the gateway, as buildx speaks them over `POST /grpc`; by path. */
export function controlMethods(engine: Engine, sessions: Sessions): Map<string, Method> {
  const jobs = new Jobs();
  const worker = workerOf(engine);
  const own: Record<string, Method> = {
    ListWorkers: unary(Empty, ListWorkersResponse, () => ({ record: [worker] })),
    Info: unary(Empty, InfoResponse, () => ({ buildkitVersion })),
    Solve: unary(SolveRequest, SolveResponse, (request, { signal }) =>
      solve(engine, { sessions, jobs }, request, signal),
    ),
    async Status(call) {
      const job = await jobs.find((await only(StatusRequest, call)).Ref);
      await job.status.listen((encoded) => call.send(encoded), call.signal);
    },
    Session: (call) => controlSession(call, sessions),
    DiskUsage: unary(DiskUsageRequest, DiskUsageResponse, () => diskUsage(engine)),
    async Prune(call) {
      await prune(engine, await only(PruneRequest, call), (record) => call.send(UsageRecord.encode(record)));
    },
    // No builds are kept to look back at.
    async ListenBuildHistory() {},
    UpdateBuildHistory: unary(Empty, Empty, () => ({})),
  };
  const all = Object.entries(own).map(([name, method]): [string, Method] => [control + name, method]);
  return new Map([...all, ...gatewayMethods(jobs, worker)]);
}

function workerOf({ id }: Engine): WorkerRecord {
  const { architecture, os, variant = "" } = hostPlatform();
  return {
    ID: id,
    Labels: {
      "org.mobyproject.buildkit.worker.executor": "containerd",
      // By it clients tell that images of several platforms, and outputs as archives, can be had.
      "org.mobyproject.buildkit.worker.snapshotter": "overlayfs",
    },
    platforms: [{ Architecture: architecture, OS: os, Variant: variant }],
    BuildkitVersion: buildkitVersion,
  };
}

async function solve(
  engine: Engine,
  { sessions, jobs }: { sessions: Sessions; jobs: Jobs },
  request: MessageOf<typeof SolveRequest>,
  signal: AbortSignal,
): Promise<{ ExporterResponse: Record<string, string> }> {
  const { Ref, Session, Frontend, FrontendAttrs, Definition } = request;
  if (Ref === "") throw invalidArgument("a build needs a reference");
  if ((Definition?.def.length ?? 0) > 0) {
    throw notImplemented("builds from LLB are not supported: only Dockerfiles are built");
  }
  // What cannot be told of a result is said before anything is built.
  attestsOf(FrontendAttrs);
  const session = await sessions.find(Session, signal);
  const outputs = outputsOf(request);
  const entitlements = grant(request.Entitlements, engine.settings.entitlements);
  await using job = new Job(engine, session, { sessions, jobs, entitlements, signal });
  jobs.add(Ref, job);
  try {
    job.caches = cachesOf(request);
    if (Frontend === "") return { ExporterResponse: await job.exportReturned(outputs, FrontendAttrs) };
    const { requestid } = FrontendAttrs;
    if (requestid) {
      return { ExporterResponse: await job.ask(requestid, frontendOf(Frontend, FrontendAttrs), signal) };
    }
    const asked = { inputs: jobs.inputs(request.FrontendInputs) };
    const refs = await job.evaluate(frontendOf(Frontend, FrontendAttrs), signal, asked);
    return { ExporterResponse: await job.export([...refs.values()], outputs, FrontendAttrs) };
  } catch (error) {
    throw asBuildkit(error, job.progress);
  } finally {
    jobs.delete(Ref);
  }
}

/** Throws `invalidArgument`, `notImplemented` before anything is built. */
function cachesOf({ Cache }: MessageOf<typeof SolveRequest>): JobCaches {
  const imports = Cache?.Imports ?? [];
  imports.forEach(checkImport);
  return { imports, exports: cacheExports(Cache?.Exports ?? []) };
}

async function diskUsage(engine: Engine) {
  const { BuildCache } = await buildCacheUsage(engine);
  return { record: BuildCache.map(recordOf) };
}

type CacheRecord = Awaited<ReturnType<typeof buildCacheUsage>>["BuildCache"][number];

function recordOf(item: CacheRecord): MessageOf<typeof UsageRecord> {
  return {
    ...item,
    Mutable: item.Type === "exec.cachemount" || item.Type === "source.local",
    CreatedAt: timestamp(item.CreatedAt),
    LastUsedAt: timestamp(item.LastUsedAt ?? undefined),
    RecordType: item.Type,
  };
}

function timestamp(text: string | undefined): Timestamp | undefined {
  if (text === undefined) return undefined;
  const millis = Date.parse(text);
  return { seconds: BigInt(Math.floor(millis / 1000)), nanos: (millis % 1000) * 1_000_000 };
}

async function prune(
  engine: Engine,
  request: MessageOf<typeof PruneRequest>,
  send: (record: MessageOf<typeof UsageRecord>) => Promise<void>,
): Promise<void> {
  const { filter, all, keepDuration, reservedSpace, maxUsedSpace } = request;
  const filters = filter.map((text) => /^([^=!~]+)==(.*)$/.exec(text)?.slice(1) ?? []);
  const unknown = filter.find((_, at) => filters[at]?.length === 0);
  if (unknown !== undefined) throw invalidArgument(`invalid filter ${unknown}`);
  const values: Record<string, string[]> = {};
  for (const [name = "", value = ""] of filters) values[name] = [...(values[name] ?? []), value];
  if (keepDuration > 0) values.until = [`${Math.floor(keepDuration / 1e9)}s`];
  const before = new Map((await buildCacheUsage(engine)).BuildCache.map((item) => [item.ID, item]));
  const { CachesDeleted } = await pruneBuildCache(engine, {
    all,
    filters: Filters.from(values, buildPruneFilters),
    keep: reservedSpace || maxUsedSpace,
  });
  for (const id of CachesDeleted ?? []) {
    const item = before.get(id);
    if (item !== undefined) await send(recordOf(item));
  }
}
