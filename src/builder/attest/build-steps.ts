import type { Digest } from "../../oci/digest.ts";
import { sha256Of } from "../../oci/digester.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { Built } from "../build.ts";
import type { StageLayer } from "../stage-state.ts";
import type { Lines, Operation } from "./operations.ts";
import { type Asked, StepGraph } from "./step-graph.ts";

/** A step in the form in which BuildKit writes them: `{"id":"step1","op":{"Op":{"exec":…}},"inputs":["step0:0"]}`. */
interface BuildStep {
  id: string;
  op: object;
  inputs?: string[];
}

export interface StepList {
  definition: BuildStep[];
  /** The digest of each step's operation. */
  digestMapping: Record<Digest, string>;
}

export interface BuildSteps extends StepList {
  /** Where each stands in the Dockerfile: a range for each line. */
  locations: Record<string, { locations?: { ranges: object[] }[] }>;
  /** The layers up to each step that made one: `step1:0`. */
  layers: Record<string, Descriptor[][]>;
}

/** All that was done for a result, what is needed for a step before it, in an order that is the same each time. */
export function buildSteps(built: Built, asked: Asked): BuildSteps {
  const graph = new StepGraph(built, asked);
  const { result } = graph;
  const { ids, ...list } = listSteps(result);
  const steps: BuildSteps = { ...list, locations: {}, layers: {} };
  for (const [operation, id] of ids) {
    steps.locations[id] = locationsOf(operation.lines ?? []);
    const layers = graph.layers.get(operation) ?? (operation === result ? built.state.layers : []);
    const known = knownLayers(layers);
    if (known.length > 0) steps.layers[`${id}:0`] = [known];
  }
  return steps;
}

/** Numbers what leads to a result, which gets a number itself. */
export function listSteps(result: Operation | undefined): StepList & { ids: Map<Operation, string> } {
  const list: StepList = { definition: [], digestMapping: {} };
  const ids = new Map<Operation, string>();
  const digests = new Map<Operation, Digest>();
  const visit = ({ inputs }: Pick<Operation, "inputs">, about: object): { id: string; digest: Digest } => {
    for (const input of inputs) if (!ids.has(input)) add(input);
    const id = `step${list.definition.length}`;
    const digest = sha256Of(JSON.stringify([about, inputs.map((input) => digests.get(input))]));
    const names = inputs.map((input) => `${ids.get(input)}:0`);
    list.definition.push({ id, op: about, ...(names.length > 0 && { inputs: names }) });
    list.digestMapping[digest] = id;
    return { id, digest };
  };
  const add = (operation: Operation) => {
    const { Op, platform } = operation;
    const { id, digest } = visit(operation, { Op, ...(platform && { platform }), constraints: {} });
    ids.set(operation, id);
    digests.set(operation, digest);
  };
  visit({ inputs: result === undefined ? [] : [result] }, { Op: {} });
  return { ...list, ids };
}

function locationsOf(lines: readonly Lines[]): { locations?: { ranges: object[] }[] } {
  if (lines.length === 0) return {};
  return {
    locations: lines.map(({ start, end }) => ({
      ranges: Array.from({ length: end - start + 1 }, (_, at) => ({
        start: { line: start + at },
        end: { line: start + at },
      })),
    })),
  };
}

/** Of what other builders know, not every layer can be had. */
function knownLayers(layers: readonly StageLayer[]): Descriptor[] {
  return layers.map(({ descriptor }) => descriptor).filter(({ mediaType }) => mediaType !== "");
}
