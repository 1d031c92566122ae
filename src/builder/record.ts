import type { Instruction } from "../dockerfile/instruction.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import type { PlannedStage } from "./plan.ts";
import type { StageState } from "./stage-state.ts";

/** What a build was made from that is not the client's own: whoever has it can tell whether it is the same. */
export type Material =
  | { kind: "image"; name: string; platform: Platform; digest: Digest }
  | { kind: "git"; url: string; commit: string }
  | { kind: "http"; url: string; digest: string };

/** A step that was carried out, or taken from the cache. */
export interface RecordedStep {
  stage: PlannedStage;
  instruction: Instruction;
  before: StageState;
  after: StageState;
}

/** What a build notes of itself while it goes, for whoever has to tell how the result came about (provenance). */
export class BuildRecord {
  readonly #materials = new Map<string, Material>();
  readonly steps: RecordedStep[] = [];

  material(material: Material): void {
    this.#materials.set(JSON.stringify(material), material);
  }

  /** Each once, in an order that does not depend on which was there first. */
  get materials(): Material[] {
    return [...this.#materials].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, material]) => material);
  }
}
