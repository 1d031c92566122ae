import type { Instruction } from "../dockerfile/instruction.ts";
import type { Words } from "../dockerfile/variables.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import type { PlannedStage } from "./plan.ts";
import type { BuiltLayer, StageState } from "./stage-state.ts";

/** What a build was made from that is not the client's own: whoever has it can tell whether it is the same. */
export type Material =
  | { kind: "image"; name: string; platform: Platform; digest: Digest }
  /** In a folder of the client: `name` is what the build calls it, with the digest. */
  | { kind: "layout"; name: string; platform: Platform; digest: Digest }
  | { kind: "git"; url: string; commit: string }
  | { kind: "http"; url: string; digest: string };

/** A step that was carried out, or taken from the cache. */
export interface RecordedStep {
  stage: PlannedStage;
  instruction: Instruction;
  /** With the variables that it saw. */
  words: Words;
  before: StageState;
  after: StageState;
}

/** What came of a step that changes files, and the keys by which it is found again. */
export interface RecordedResult {
  keys: readonly string[];
  layer: BuiltLayer;
}

/**
 * What a build notes of itself while it goes, for whoever has to tell how the result came about (provenance), and for
 * other builders (`--cache-to`).
 */
export class BuildRecord {
  readonly #materials = new Map<string, Material>();
  readonly steps: RecordedStep[] = [];
  readonly results: RecordedResult[] = [];
  /** Names of the folders of `RUN --mount=type=cache`. */
  readonly cacheMounts = new Set<string>();

  material(material: Material): void {
    this.#materials.set(JSON.stringify(material), material);
  }

  /** Each once, in an order that does not depend on which was there first. */
  get materials(): Material[] {
    return [...this.#materials].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, material]) => material);
  }
}
