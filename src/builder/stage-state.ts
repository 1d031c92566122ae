import { internal } from "../base/errors.ts";
import { defaultPath, Environment } from "../dockerfile/variables.ts";
import { wholeHistory } from "../images/commit.ts";
import type { Image } from "../images/image.ts";
import type { Digest } from "../oci/digest.ts";
import type { HistoryEntry, ImageConfig, ImageRunConfig } from "../oci/image-config.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { Platform } from "../oci/platform.ts";
import { cacheKey } from "./cache.ts";
import { ResultsUnavailable } from "./remote-cache/imported-cache.ts";

/** A layer with the blob that it travels in. */
export interface BuiltLayer {
  diffId: Digest;
  descriptor: Descriptor;
  /** Of its regular files. */
  bytes: number;
  /** RFC 3339. */
  created: string;
  /** Brings it here, where it may still be elsewhere: see `StageLayer`. */
  fetch?: (() => Promise<void>) | undefined;
}

/** A layer that a stage has. */
export interface StageLayer extends Pick<BuiltLayer, "diffId" | "descriptor"> {
  /** Of a layer that is known, and may not be here yet: it comes once something reads it. */
  fetch?: (() => Promise<void>) | undefined;
}

/**
 * What a stage has become after some of its instructions; each step makes a new one, but for what grows with each:
 * variables, arguments and history are those of the stage. What is built on it begins with copies: `ownState`.
 */
export interface StageState {
  platform: Platform;
  /** The lowest first. */
  layers: readonly StageLayer[];
  config: ImageRunConfig;
  history: HistoryEntry[];
  /** How many of the layers and of the history's entries are those of the base image. */
  base: { layers: number; history: number };
  author: string | undefined;
  /** When the last layer was made: RFC 3339. */
  created: string | undefined;
  /** Stands for the files: the same key, the same files. */
  key: string;
  /** What `$name` means to the next instruction: `ENV` and `ARG`, the later of a name counting. */
  variables: ReadonlyMap<string, string>;
  /** `ARG`s that were declared so far, in order, those of the stages below first. */
  args: Set<string>;
}

/** The same layers are the same files. */
function filesKey(layers: StageState["layers"]): string {
  return cacheKey(
    "layers",
    layers.map(({ diffId }) => diffId),
  );
}

/** Brings those layers here that are still elsewhere. Throws `ResultsUnavailable` with all that cannot be had. */
export async function fetchLayers({ layers }: Pick<StageState, "layers">): Promise<void> {
  const fetches = layers.flatMap(({ fetch }) => fetch ?? []);
  if (fetches.length === 0) return;
  const outcomes = await Promise.allSettled(fetches.map((fetch) => fetch()));
  const failures = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  const other = failures.find((failure) => !(failure instanceof ResultsUnavailable));
  if (other !== undefined) throw other;
  const missing = failures.flatMap((failure) =>
    failure instanceof ResultsUnavailable ? failure.results : [],
  );
  if (failures.length > 0) throw new ResultsUnavailable(missing);
}

const comment = "buildkit.dockerfile.v0";

export function scratchState(platform: Platform): StageState {
  return {
    platform,
    layers: [],
    config: { WorkingDir: "/" },
    history: [],
    base: { layers: 0, history: 0 },
    author: undefined,
    created: undefined,
    key: filesKey([]),
    variables: new Map(),
    args: new Set(),
  };
}

/** What has been built, to build on: as if it were an image. */
export function asBase(state: StageState): StageState {
  const { layers, history, config } = state;
  return {
    ...state,
    base: { layers: layers.length, history: history.length },
    variables: new Environment(config.Env).values(),
    args: new Set(),
  };
}

/** What of an image a stage begins with. */
export type BaseImage = Pick<Image, "id" | "config" | "layers" | "manifest" | "platform">;

export function imageState(image: BaseImage): StageState {
  const { config } = image;
  const history = wholeHistory(image);
  const layers = image.layers.map((diffId, at) => {
    const descriptor = image.manifest.layers[at];
    if (descriptor === undefined) throw internal(`image ${image.id} has no layer ${at}`);
    return { diffId, descriptor };
  });
  return {
    platform: image.platform,
    layers,
    config: config.config ?? {},
    history,
    base: { layers: layers.length, history: history.length },
    author: config.author,
    created: config.created,
    key: filesKey(layers),
    variables: new Environment(config.config?.Env).values(),
    args: new Set(),
  };
}

/** For a stage that begins with `state`: what it adds is in no other. */
export function ownState(state: StageState): StageState & { variables: Map<string, string> } {
  const { variables, args, history } = state;
  return { ...state, variables: new Map(variables), args: new Set(args), history: [...history] };
}

/** With a `PATH`, which steps and containers get in any case. */
export function withPath(state: StageState): StageState {
  const env = new Environment(state.config.Env);
  if (env.get("PATH") !== undefined) return state;
  env.set("PATH", defaultPath);
  const variables = new Map([...state.variables, ["PATH", defaultPath]]);
  return { ...state, config: { ...state.config, Env: env.pairs() }, variables };
}

/** Records an instruction that changes no file. */
export function withoutLayer(state: StageState, config: ImageRunConfig, createdBy: string): StageState {
  const entry = { created_by: createdBy, comment, empty_layer: true };
  state.history.push(dated(entry, state.created));
  return { ...state, config };
}

/** Records an instruction with the layer that it made. */
export function withLayer(state: StageState, layer: BuiltLayer, createdBy: string): StageState {
  const layers = [...state.layers, layer];
  state.history.push(dated({ created_by: createdBy, comment }, layer.created));
  return {
    ...state,
    layers,
    created: layer.created,
    key: filesKey(layers),
  };
}

function dated(entry: HistoryEntry, created: string | undefined): HistoryEntry {
  return created === undefined ? entry : { created, ...entry };
}

/**
 * The configuration of the image that the stage is. With `epoch` (seconds since 1970) it and all that was made for it
 * have that time, and its base image at most that.
 */
export function configOf(
  state: StageState,
  { labels, epoch }: { labels: Readonly<Record<string, string>>; epoch: number | undefined },
): ImageConfig {
  const { platform, author, config, layers } = state;
  const all = { ...config.Labels, ...labels };
  const { created, history } = epoch === undefined ? state : timesAt(state, epoch);
  return {
    ...platform,
    ...(created === undefined ? {} : { created }),
    ...(author === undefined ? {} : { author }),
    config: Object.keys(all).length === 0 ? config : { ...config, Labels: all },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: [...history],
  };
}

function timesAt({ history, base }: StageState, epoch: number): Pick<StageState, "created" | "history"> {
  const created = new Date(epoch * 1000).toISOString().replace(".000Z", "Z");
  const isOlder = (entry: HistoryEntry) =>
    entry.created !== undefined && Date.parse(entry.created) <= epoch * 1000;
  return {
    created,
    history: history.map((entry, at) =>
      at < base.history && isOlder(entry) ? entry : { ...entry, created },
    ),
  };
}
