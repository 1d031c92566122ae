import { Cleanups } from "../base/disposables.ts";
import { EngineError, firstFailure, isEngineError } from "../base/errors.ts";
import { type Dockerfile, parseDockerfile } from "../dockerfile/dockerfile.ts";
import { DockerfileError } from "../dockerfile/errors.ts";
import type { Instruction } from "../dockerfile/instruction.ts";
import { nearest } from "../dockerfile/suggest.ts";
import type { Lease } from "../images/blobs.ts";
import type { Platform } from "../oci/platform.ts";
import { fullString, parseReference, withDefaultTag } from "../oci/reference.ts";
import { baseImage, unpulledImage } from "./base-image.ts";
import { warnOfFindings } from "./checks.ts";
import { contextStage } from "./context-stage.ts";
import type { BuilderDeps } from "./deps.ts";
import { checkEntitled } from "./entitlements.ts";
import { failingAt } from "./failed-at.ts";
import { fetchLayer } from "./fetch-layer.ts";
import { imageIn } from "./image-in.ts";
import { contextNamed, type ImageLayout } from "./named-contexts.ts";
import type { BuildContext, BuildOptions } from "./options.ts";
import { fromNames, type Plan, type PlannedStage, planBuild } from "./plan.ts";
import type { BuildProgress, Vertex } from "./progress.ts";
import { BuildRecord } from "./record.ts";
import { ResultsUnavailable } from "./remote-cache/imported-cache.ts";
import { type Shared, StageBuilder, shortKey, stagePrefix, stageTotal } from "./stage-builder.ts";
import { asBase, fetchLayers, imageState, type StageState, scratchState } from "./stage-state.ts";
import type { SourceFiles } from "./step-context.ts";
import { WorkRoot } from "./work-root.ts";

/** What a build has come to; `lease` keeps its layers until the caller has made use of them. */
export interface Built {
  state: StageState;
  plan: Plan;
  record: BuildRecord;
}

/**
 * Builds the target stage and what it needs; stages that do not need one another are built side by side. When one
 * fails, the others are ended, and nothing of them is left but results for the cache. Throws what the step throws;
 * `DockerfileError`, `StepFailed`. `onPlan` hears what is going to be built before anything is.
 */
export async function build(
  deps: BuilderDeps,
  options: BuildOptions,
  progress: BuildProgress,
  lease: Lease,
  onPlan: (plan: Plan) => void = () => {},
): Promise<Built> {
  let { imported } = options;
  for (let isFirst = true; ; isFirst = false) {
    try {
      await using run = new BuildRun(deps, { ...options, imported }, progress, lease);
      if (isFirst) {
        onPlan(run.plan);
        run.check();
      }
      return { state: await run.run(), plan: run.plan, record: run.record };
    } catch (error) {
      const why = firstFailure(error);
      if (!(why instanceof ResultsUnavailable) || imported === undefined) throw error;
      // Once more without them; what was carried out until now is in the cache.
      if (why.results.length > 0) imported.drop(why.results);
      else imported = undefined;
    }
  }
}

class BuildRun implements AsyncDisposable {
  readonly plan: Plan;
  readonly record = new BuildRecord();
  readonly #dockerfile: Dockerfile;
  readonly #shared: Shared;
  readonly #stop = new AbortController();
  readonly #stages = new Map<PlannedStage, Promise<StageState>>();
  readonly #roots = new Map<string, Promise<string>>();
  readonly #cleanups = new Cleanups();

  constructor(deps: BuilderDeps, options: BuildOptions, progress: BuildProgress, lease: Lease) {
    const dockerfile = parseDockerfile(options.dockerfile);
    this.#dockerfile = dockerfile;
    this.plan = planBuild(dockerfile, options);
    const indexes = numbers(this.plan);
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#shared = {
      deps,
      options: { ...options, signal },
      directives: dockerfile.directives,
      progress,
      lease,
      signal,
      record: this.record,
      plan: this.plan,
      indexOf: (instruction) => indexes.get(instruction),
      source: (planned, name, instruction) => this.#source(planned, name, instruction),
      stagesBuilt: (planned, instruction) => this.#stagesBuilt(planned, instruction),
    };
    this.#cleanups.add(() => deps.cache.recordUses());
  }

  /** What steps may have, and the build checks, before anything is done. */
  check(): void {
    const { deps, options, progress } = this.#shared;
    for (const instruction of this.plan.stages.flatMap(({ stage }) => stage.instructions)) {
      if (instruction.keyword !== "RUN") continue;
      try {
        checkEntitled(instruction, options.network, options.entitlements);
      } catch (error) {
        throw isEngineError(error) ? new DockerfileError(error.message, instruction.range) : error;
      }
    }
    const stages = new Set(this.plan.stages.map(({ stage }) => stage));
    warnOfFindings(deps, this.#dockerfile, options, stages, progress);
  }

  async run(): Promise<StageState> {
    const all = this.plan.stages.map((planned) => this.#stage(planned));
    try {
      await Promise.all(all);
    } catch (error) {
      await this.#end(error, all);
      throw error;
    }
    const state = await this.#stage(this.plan.target);
    await fetchLayers(state);
    return state;
  }

  /** Ends the other stages after a failure. Throws what says more than the failure does. */
  async #end(failure: unknown, all: readonly Promise<unknown>[]): Promise<void> {
    // Where the build goes on without a result of another cache, what the others come to is of use to it.
    const goesOn = firstFailure(failure) instanceof ResultsUnavailable;
    if (!goesOn) this.#stop.abort(failure);
    for (const outcome of await Promise.allSettled(all)) {
      if (!goesOn || outcome.status === "fulfilled") continue;
      if (!(firstFailure(outcome.reason) instanceof ResultsUnavailable)) throw outcome.reason;
    }
  }

  #stage(planned: PlannedStage): Promise<StageState> {
    const known = this.#stages.get(planned);
    if (known !== undefined) return known;
    const made = this.#make(planned);
    // Whoever waits for it gets the failure; that nobody does yet is no defect.
    made.catch(() => {});
    this.#stages.set(planned, made);
    return made;
  }

  async #make(planned: PlannedStage): Promise<StageState> {
    const { vertex, state } = await this.#base(planned);
    return new StageBuilder(this.#shared, planned, state, vertex.id).build();
  }

  async #base(planned: PlannedStage): Promise<{ vertex: Vertex; state: StageState }> {
    const { stage, base, platform } = planned;
    const { progress } = this.#shared;
    const total = stageTotal(planned);
    const shown =
      base.kind === "image" ? fullName(base.image) : base.kind === "scratch" ? "scratch" : stage.from.image;
    const index = this.#shared.indexOf(stage.from);
    const vertex: Vertex = {
      id: `${stage.index}:from`,
      name: `[${stagePrefix(this.plan, stage)}${"1".padStart(String(total).length)}/${total}] FROM ${shown}`,
      ...(index === undefined ? {} : { step: { instruction: stage.from, index } }),
      visible: base.kind === "image",
      inputs: [],
    };
    if (base.kind === "stage") {
      const state = await this.#stage(base.stage);
      progress.begin(vertex);
      progress.end(vertex, { result: shortKey(state.key) });
      return { vertex, state };
    }
    progress.begin(vertex);
    try {
      const state =
        base.kind === "scratch" ? scratchState(platform) : await this.#image(base.image, planned, vertex);
      progress.end(vertex, { result: base.kind === "scratch" ? "" : shortKey(state.key) });
      return { vertex, state };
    } catch (error) {
      progress.end(vertex, { error });
      throw error;
    }
  }

  async #image(name: string, planned: PlannedStage, vertex: Vertex): Promise<StageState> {
    const { platform } = planned;
    const { deps, options, progress, lease } = this.#shared;
    const named = contextNamed(options.namedContexts, name, platform);
    if (named !== undefined && "result" in named) {
      const { layers } = named.result;
      lease.add(...layers.flatMap(({ diffId, descriptor }) => [diffId, descriptor.digest]));
      return asBase(named.result);
    }
    if (named !== undefined && "layout" in named) return this.#layout(named, platform, vertex);
    if (named !== undefined && !("image" in named)) {
      const step = { ...this.#shared, vertex, planned, useCache: !options.noCache };
      return contextStage(step, name, named);
    }
    const wanted = named?.image ?? name;
    const pulled = async () => {
      const image = await failingAt(unresolved(wanted), () =>
        baseImage(deps, options, { name: wanted, platform }, { progress, vertex }).catch((error: unknown) =>
          this.#orStage(error, name),
        ),
      );
      lease.add(image.id, image.manifestDigest);
      this.record.material({ kind: "image", name: wanted, platform, digest: image.id });
      await deps.images.ensureUnpacked(image);
      return image;
    };
    // Where other builders know the steps, nobody may ever read the files below them.
    const known = options.imported && (await unpulledImage(deps, options, { name: wanted, platform }));
    if (known === undefined) return imageState(await pulled());
    this.record.material({ kind: "image", name: wanted, platform, digest: known.id });
    let pulling: ReturnType<typeof pulled> | undefined;
    const fetch = async () => {
      pulling ??= pulled();
      const { layers } = await pulling;
      // Its tag has moved since: then with what it names now.
      if (layers.join() !== known.layers.join()) throw new ResultsUnavailable([]);
    };
    const state = imageState(known);
    return { ...state, layers: state.layers.map((layer) => ({ ...layer, fetch })) };
  }

  /** What of its layers nobody reads stays in the client's folder until the result is handed over. */
  async #layout({ layout, name }: ImageLayout, platform: Platform, vertex: Vertex): Promise<StageState> {
    const { signal } = this.#shared;
    const image = await imageIn(layout, platform, signal);
    this.record.material({ kind: "layout", name, platform, digest: image.id });
    const state = imageState(image);
    return {
      ...state,
      layers: state.layers.map((layer) => {
        let fetching: Promise<void> | undefined;
        const fetch = () => {
          fetching ??= fetchLayer({ ...this.#shared, vertex }, { ...layer, reader: layout });
          return fetching;
        };
        return { ...layer, fetch };
      }),
    };
  }

  /** What is no image may be a stage whose name was mistyped. */
  #orStage(error: unknown, name: string): never {
    const stages = this.#dockerfile.stages.map((stage) => stage.name).filter((stage) => stage !== "");
    const meant = nearest(name, stages, true);
    if (meant === "" || !isEngineError(error)) throw error;
    throw new EngineError(error.code, `${error.message} (did you mean ${meant}?)`, { cause: error });
  }

  /** Resolves when the stages that an instruction takes files from are there. */
  async #stagesBuilt(planned: PlannedStage, instruction: Instruction): Promise<void> {
    for (const name of fromNames(instruction)) {
      const stage = this.plan.sourceOf(planned, name, instruction);
      if (stage !== undefined) await this.#stage(stage);
    }
  }

  /** `--from`: a stage, a context of `--build-context`, the context itself (""), or an image. */
  async #source(planned: PlannedStage, name: string, instruction: Instruction): Promise<SourceFiles> {
    const { options } = this.#shared;
    if (name === "") {
      if (this.#shared.indexOf(instruction) === undefined) options.context.all?.();
      return contextFiles(options.context);
    }
    const named = contextNamed(options.namedContexts, name, planned.platform);
    if (named !== undefined && "directory" in named) return contextFiles(named);
    const stage = this.plan.sourceOf(planned, name, instruction);
    const image = () =>
      name === "scratch" && named === undefined
        ? scratchState(planned.platform)
        : this.#imageSource(planned, name);
    const state = stage === undefined ? await image() : await this.#stage(stage);
    return { key: state.key, isContext: false, directory: () => this.#mounted(state) };
  }

  #imageSource(planned: PlannedStage, name: string): Promise<StageState> {
    const vertex: Vertex = { id: `from:${name}`, name: `FROM ${fullName(name)}`, visible: true, inputs: [] };
    const { progress } = this.#shared;
    progress.begin(vertex);
    return this.#image(name, planned, vertex).then(
      (state) => {
        progress.end(vertex, {});
        return state;
      },
      (error: unknown) => {
        progress.end(vertex, { error });
        throw error;
      },
    );
  }

  /** Mounted once for all that copy from it, until the build ends. */
  #mounted(state: StageState): Promise<string> {
    const known = this.#roots.get(state.key);
    if (known !== undefined) return known;
    const made = WorkRoot.create(this.#shared.deps, state).then((root) => {
      this.#cleanups.add(() => root[Symbol.asyncDispose]());
      return root.mountPlain();
    });
    this.#roots.set(state.key, made);
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#roots.values());
    await this.#cleanups[Symbol.asyncDispose]();
  }
}

function contextFiles(context: BuildContext): SourceFiles {
  return {
    key: undefined,
    isContext: true,
    directory: () => context.directory(),
    contents: async () => context.contents?.(),
    stamp: async (paths) => context.stamp?.(paths),
  };
}

/** The number of each instruction among all that are carried out, as the classic builder counts. */
function numbers({ stages }: Plan): Map<Instruction, number> {
  const indexes = new Map<Instruction, number>();
  for (const { stage } of stages) {
    for (const instruction of [stage.from, ...stage.instructions]) indexes.set(instruction, indexes.size + 1);
  }
  return indexes;
}

/** What it means that an image cannot be had. */
function unresolved(image: string): string {
  try {
    const full = fullString(withDefaultTag(parseReference(image)));
    return `${image}: failed to resolve source metadata for ${full}`;
  } catch {
    // Said by who looks for the image.
    return `failed to parse stage name ${JSON.stringify(image)}`;
  }
}

function fullName(image: string): string {
  try {
    return fullString(withDefaultTag(parseReference(image)));
  } catch {
    // The pull will tell what is wrong with it.
    return image;
  }
}
