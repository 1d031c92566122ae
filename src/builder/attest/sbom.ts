import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Cleanups } from "../../base/disposables.ts";
import { isEngineError, messageOf, unavailable } from "../../base/errors.ts";
import { RootfsView } from "../../containers/spec/rootfs-view.ts";
import type { Image } from "../../images/image.ts";
import type { Lease } from "../../images/leases.ts";
import { formatPlatform, hostPlatform } from "../../oci/platform.ts";
import { fullString, parseReference, withDefaultTag } from "../../oci/reference.ts";
import { baseImage } from "../base-image.ts";
import { cacheKey } from "../cache.ts";
import { cachedStep } from "../cached-step.ts";
import type { BuilderDeps } from "../deps.ts";
import type { BuildOptions } from "../options.ts";
import type { BuildProgress, Vertex, VertexEnd } from "../progress.ts";
import { runToEnd } from "../run-process.ts";
import { imageState, type StageState } from "../stage-state.ts";
import { StepFailed } from "../step-failed.ts";
import { WorkRoot } from "../work-root.ts";
import { type Finding, readFinding } from "./finding.ts";
import type { SbomRequest } from "./requests.ts";

/** Where a scanner finds the files, and where it writes (BuildKit's docs/attestations/sbom-protocol.md). */
const source = "/run/src/core/sbom";
const destination = "/run/out";

interface ScanContext {
  deps: BuilderDeps;
  /** How the image was built: where the scanner is from, and by what it reaches the network. */
  options: BuildOptions;
  progress: BuildProgress;
  lease: Lease;
}

/**
 * Has the scanner's image look through the files of a stage; what it has found before is taken from the cache. Returns
 * the statements that it wrote. Throws `StepFailed`, and `unavailable` where the scanner cannot be had.
 */
export async function scan(
  context: ScanContext,
  stage: StageState,
  { generator, parameters }: SbomRequest,
): Promise<Finding[]> {
  const { deps, options, progress, lease } = context;
  const name = fullString(withDefaultTag(parseReference(generator)));
  const vertex: Vertex = {
    id: `sbom:${formatPlatform(stage.platform)}`,
    name: `[${formatPlatform(stage.platform)}] generating sbom using ${name}`,
    visible: true,
    inputs: [],
  };
  progress.begin(vertex);
  let end: VertexEnd = {};
  try {
    const image = await scannerOf(context, vertex, generator);
    lease.add(image.id, image.manifestDigest);
    const step = {
      deps,
      state: imageState(image),
      lease,
      vertex,
      useCache: !options.noCache,
      // What it has found is read at once, and is nobody else's.
      options: { ...options, imported: undefined },
      progress,
      signal: options.signal,
      record: undefined,
    };
    const key = cacheKey("sbom", image.manifestDigest, stage.key, parameters);
    const { state, cached } = await cachedStep(step, [key], vertex.name, () =>
      run(context, vertex, { image, stage, parameters }),
    );
    end = { cached };
    return readFindings(deps, state);
  } catch (error) {
    end = { error };
    throw error;
  } finally {
    progress.end(vertex, end);
  }
}

async function scannerOf(
  { deps, options, progress }: ScanContext,
  vertex: Vertex,
  name: string,
): Promise<Image> {
  let image: Image;
  try {
    image = await baseImage(deps, options, { name, platform: hostPlatform() }, { progress, vertex });
  } catch (error) {
    if (isEngineError(error, "cancelled")) throw error;
    throw unavailable(
      `failed to get the image ${name}, which makes the SBOM: ${messageOf(error)} (--sbom=generator=IMAGE takes another one, --sbom=false does without)`,
      error,
    );
  }
  await deps.images.ensureUnpacked(image);
  return image;
}

interface Scan {
  image: Image;
  stage: StageState;
  parameters: SbomRequest["parameters"];
}

async function run({ deps, options, progress, lease }: ScanContext, vertex: Vertex, scanned: Scan) {
  const { Entrypoint = [], Cmd = [], Env = [], WorkingDir, User } = scanned.image.config.config ?? {};
  const words = [...(Entrypoint ?? []), ...(Cmd ?? [])];
  if (words.length === 0) throw unavailable(`scanner ${vertex.name.split(" ").pop()} does not have cmd`);
  const { signal } = options;
  await using owned = new Cleanups();
  const files = await WorkRoot.create(deps, scanned.stage);
  owned.add(() => files[Symbol.asyncDispose]());
  const settings = Object.entries(scanned.parameters).map(
    ([name, value]) => `BUILDKIT_SCAN_${name}=${value}`,
  );
  const config = {
    Entrypoint: words,
    Env: [
      ...(Env ?? []),
      `BUILDKIT_SCAN_DESTINATION=${destination}/`,
      `BUILDKIT_SCAN_SOURCE=${source}`,
      ...settings,
    ],
    WorkingDir: WorkingDir || "/",
    User: User ?? "",
    Hostname: "buildkitsandbox",
    AttachStdout: true,
    AttachStderr: true,
  };
  const root = await WorkRoot.create(deps, imageState(scanned.image), config, {
    NetworkMode: options.network || "bridge",
    Tmpfs: { "/tmp": "" },
    Mounts: [{ Type: "bind", Source: files.mountPlain(), Target: source, ReadOnly: true }],
  });
  owned.add(() => root[Symbol.asyncDispose]());
  const owner = { uid: 0, gid: 0 };
  await deps.workers.run("makeDirectory", { root: root.mount(), path: destination, owner }, { signal });
  await root.unmount();
  const log = (stream: "stdout" | "stderr", data: Uint8Array) => progress.log(vertex, stream, data);
  const { exitCode, outOfMemory } = await runToEnd(deps, root, log, signal);
  if (exitCode !== 0) throw new StepFailed(words, exitCode, outOfMemory);
  return await root.seal(lease, ["run/src/core/sbom", "run/src/core", "run/src", "tmp"], signal);
}

/** What stands in the files that the scanner wrote: its layer is the last one. */
function readFindings({ layers }: BuilderDeps, { layers: all }: StageState): Finding[] {
  const layer = all.at(-1);
  if (layer === undefined) return [];
  const path = layers.path(layer.diffId);
  const parts = ["run", destination.slice(1)];
  const isThere = parts.every((part) =>
    lstatSync(join(path, part), { throwIfNoEntry: false })?.isDirectory(),
  );
  const names = isThere ? readdirSync(join(path, destination)).sort() : [];
  using view = new RootfsView(path);
  return names.map((name) => readFinding(name, view.readText(`${destination}/${name}`)));
}
