import { parseCacheEntry } from "../../api/buildkit/cache-entries.ts";
import type { QueryOf } from "../../api/operations.ts";
import type { JSONMessage } from "../../api/progress.ts";
import { Cleanups } from "../../base/disposables.ts";
import { invalidArgument, messageOf } from "../../base/errors.ts";
import { build } from "../../builder/build.ts";
import { type OpenedContext, openContext } from "../../builder/context.ts";
import { grant, hostNetwork } from "../../builder/entitlements.ts";
import { exportImage } from "../../builder/export-image.ts";
import { plainError } from "../../builder/failed-at.ts";
import type { BuildOptions } from "../../builder/options.ts";
import type { ImportedCache } from "../../builder/remote-cache/imported-cache.ts";
import { StepFailed } from "../../builder/step-failed.ts";
import type { Credentials } from "../../distribution/credentials.ts";
import { parseDockerfile } from "../../dockerfile/dockerfile.ts";
import { DockerfileError, excerpt } from "../../dockerfile/errors.ts";
import { isPredefined } from "../../dockerfile/variables.ts";
import type { Engine } from "../../engine/engine.ts";
import { hostPlatform, parsePlatform } from "../../oci/platform.ts";
import { familiarString, parseReference, withDefaultTag } from "../../oci/reference.ts";
import { openImports } from "./cache-imports.ts";
import { ClassicProgress } from "./classic-progress.ts";
import { epochOf, wantsInline } from "./frontend-options.ts";
import { QuietMessages } from "./quiet-messages.ts";

export interface ClassicBuildRequest {
  query: QueryOf<"ImageBuild">;
  body: AsyncIterable<Uint8Array>;
  /** By the registry's name, from `X-Registry-Config`. */
  registries: Readonly<Record<string, Credentials>>;
  signal: AbortSignal;
}

/** `POST /build`. What is wrong before the first step is thrown; later it is told in the stream. */
export async function classicBuild(
  engine: Engine,
  request: ClassicBuildRequest,
  send: (message: JSONMessage) => Promise<void>,
): Promise<void> {
  const { query, signal } = request;
  await using owned = new Cleanups();
  const context = await openContext(engine.builder, { remote: query.remote, body: request.body, signal });
  owned.add(() => context.close());
  const options = await toOptions(engine, request, context);
  let total = 0;
  const quiet = query.q ? new QuietMessages(send) : undefined;
  const told = quiet?.tell ?? send;
  const progress = new ClassicProgress(told, () => total);
  const imported = importsOf(engine, query, options, progress);
  using lease = engine.blobs.lease();
  try {
    const built = await build(engine.builder, { ...options, imported }, progress, lease, (plan) => {
      total = plan.stages.reduce((sum, { stage }) => sum + 1 + stage.instructions.length, 0);
    });
    const id = exportImage(engine.builder, built, options);
    await send({ aux: { ID: id } });
    if (query.q) await send({ stream: `${id}\n` });
    warnOfUnused(options, progress);
    await told({ stream: `Successfully built ${id.slice("sha256:".length, "sha256:".length + 12)}\n` });
    for (const tag of options.tags) await told({ stream: `Successfully tagged ${familiarString(tag)}\n` });
  } catch (error) {
    await quiet?.speak();
    if (error instanceof DockerfileError && error.range !== undefined) {
      await told({ stream: `${excerpt(options.dockerfileName, options.dockerfile, error.range)}\n` });
    }
    if (error instanceof StepFailed) {
      const message = `The command '${error.command}' returned a non-zero code: ${error.exitCode}${error.reason}`;
      await progress.fail(new Error(message), error.exitCode);
    } else await progress.fail(plainError(error), undefined);
  }
}

/** `cachefrom`: images that say what they know of their own steps, and caches. */
function importsOf(
  engine: Engine,
  { cachefrom }: QueryOf<"ImageBuild">,
  { credentials, signal }: BuildOptions,
  progress: ClassicProgress,
): ImportedCache | undefined {
  const entries = (cachefrom ?? []).flatMap((text) => parseCacheEntry(text));
  return openImports(
    engine,
    entries,
    { credentials: async (registry) => credentials(registry), signal },
    {
      load: (name, work) =>
        work((line) => warn(progress, `the cache ${name} is of no use: ${line}`)).catch((error: unknown) => {
          warn(progress, `cache of ${name} was not used: ${messageOf(error)}`);
          throw error;
        }),
    },
  );
}

/** Arguments that no stage has declared. */
function warnOfUnused({ dockerfile, args }: BuildOptions, progress: ClassicProgress): void {
  const { globalArgs, stages } = parseDockerfile(dockerfile);
  const instructions = [...globalArgs, ...stages.flatMap((stage) => stage.instructions)];
  const declared = new Set(
    instructions.flatMap((one) => (one.keyword === "ARG" ? one.args.map(({ name }) => name) : [])),
  );
  const unused = [...args.keys()].filter((name) => !declared.has(name) && !isPredefined(name)).sort();
  if (unused.length === 0) return;
  warn(progress, `One or more build-args [${unused.join(" ")}] were not consumed`);
}

function warn(progress: ClassicProgress, message: string): void {
  progress.warn({ rule: "", description: "", url: "", message, line: 0 });
}

async function toOptions(
  engine: Engine,
  request: ClassicBuildRequest,
  context: OpenedContext,
): Promise<BuildOptions> {
  const { query, registries, signal } = request;
  refuseUnsupported(query);
  const args = buildArgs(query.buildargs);
  const name = query.dockerfile || "Dockerfile";
  return {
    dockerfile: await context.dockerfile(name),
    dockerfileName: name,
    context,
    namedContexts: new Map(),
    args,
    labels: query.labels ?? {},
    target: query.target,
    platform: query.platform === "" ? hostPlatform() : parsePlatform(query.platform),
    noCache: query.nocache,
    noCacheFilter: [],
    pull: query.pull,
    network: query.networkmode === "default" ? "" : query.networkmode,
    entitlements: grant(hostNetwork(query.networkmode), engine.settings.entitlements),
    resources: {
      memory: query.memory ?? 0,
      memorySwap: query.memswap ?? 0,
      cpuShares: query.cpushares ?? 0,
      cpuPeriod: query.cpuperiod ?? 0,
      cpuQuota: query.cpuquota ?? 0,
      cpusetCpus: query.cpusetcpus,
      cpusetMems: query.cpusetmems,
      cgroupParent: query.cgroupparent,
      shmSize: query.shmsize ?? 0,
      ulimits: query.ulimits ?? [],
      extraHosts: query.extrahosts === "" ? [] : query.extrahosts.split(","),
    },
    secrets: async () => undefined,
    agent: async () => undefined,
    credentials: (registry) => registries[registry] ?? registries[hubKey(registry)] ?? {},
    tags: query.t.filter((tag) => tag !== "").map(tagOf),
    epoch: epochOf(args.get("SOURCE_DATE_EPOCH")),
    inlineCache: wantsInline(args.get("BUILDKIT_INLINE_CACHE")),
    signal,
  };
}

const hubKey = (registry: string) => (registry === "docker.io" ? "https://index.docker.io/v1/" : registry);

function tagOf(text: string) {
  const reference = parseReference(text);
  if (reference.digest !== undefined) throw invalidArgument("build tag cannot contain a digest");
  return withDefaultTag(reference);
}

/** A null asks for the client's variable of that name, which it has not: then the argument is not given. */
function buildArgs(given: Record<string, string | null> | undefined): Map<string, string> {
  return new Map(
    Object.entries(given ?? {}).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  );
}

/** To take these silently would build something else than was asked for. */
function refuseUnsupported({ squash, outputs, securityopt }: QueryOf<"ImageBuild">): void {
  if (squash) throw invalidArgument("squash is only supported with experimental mode");
  if ((outputs ?? []).length > 0) throw invalidArgument("outputs are not supported by the classic builder");
  if ((securityopt ?? []).length > 0) {
    throw invalidArgument("The daemon on this platform does not support setting security options on build");
  }
}
