import type { Directives } from "../dockerfile/directives.ts";
import type { Words } from "../dockerfile/variables.ts";
import type { Lease } from "../images/blobs.ts";
import type { BuilderDeps } from "./deps.ts";
import type { BuildOptions } from "./options.ts";
import type { PlannedStage } from "./plan.ts";
import type { BuildProgress, Vertex } from "./progress.ts";
import type { BuildRecord } from "./record.ts";
import type { StageState } from "./stage-state.ts";

/** What a step that changes files works with. */
export interface StepContext {
  deps: BuilderDeps;
  options: BuildOptions;
  directives: Directives;
  progress: BuildProgress;
  vertex: Vertex;
  planned: PlannedStage;
  state: StageState;
  words: Words;
  /** False when the result of an earlier build must not be taken. */
  useCache: boolean;
  lease: Lease;
  record: BuildRecord;
  signal: AbortSignal;
  /** The files of another stage, of an image or of a context, by the name that `--from` gives; "" is the context. */
  source: (name: string) => Promise<SourceFiles>;
}

/** Files that are copied from, or mounted. */
export interface SourceFiles {
  /** Stands for all of them; undefined where only their content tells. */
  key: string | undefined;
  /** A context has no owners: its files are root's. */
  isContext: boolean;
  /** Stands for what these paths name of a context, where it knows. */
  stamp?(paths: readonly string[]): Promise<string | undefined>;
  /** Where a context knows the digests of its files: the path of the list that has them. */
  contents?(): Promise<string | undefined>;
  /** Where they are, until the build ends. */
  directory(): Promise<string>;
}

/** What a step has come to. */
export interface StepResult {
  state: StageState;
  cached: boolean;
}
