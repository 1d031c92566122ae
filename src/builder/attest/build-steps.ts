import type { Digest } from "../../oci/digest.ts";
import { sha256Of } from "../../oci/digester.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { fullString, parseReference, withDefaultTag } from "../../oci/reference.ts";
import type { Built } from "../build.ts";
import { fromNames, type PlannedStage } from "../plan.ts";
import type { Material, RecordedStep } from "../record.ts";
import { argumentsOf } from "../run-step.ts";

/** A step in the form in which BuildKit writes them: `{"id":"step1","op":{"Op":{"exec":…}},"inputs":["step0:0"]}`. */
interface BuildStep {
  id: string;
  op: object;
  inputs?: string[];
}

export interface BuildSteps {
  definition: BuildStep[];
  /** The digest of each step's operation. */
  digestMapping: Record<Digest, string>;
  /** Where each stands in the Dockerfile. */
  locations: Record<string, { locations: { ranges: object[] }[] }>;
  /** The layers up to each step that made one: `step1:0`. */
  layers: Record<string, Descriptor[][]>;
}

/** All that was done for a result, sources first. */
export function buildSteps({ record, plan, state: { platform } }: Built): BuildSteps {
  const { materials, steps } = record;
  const result: BuildSteps = { definition: [], digestMapping: {}, locations: {}, layers: {} };
  const add = (op: object, inputs: readonly string[]): string => {
    const id = `step${result.definition.length}`;
    const about = { Op: op, platform: { Architecture: platform.architecture, OS: platform.os } };
    result.definition.push({
      id,
      op: about,
      ...(inputs.length > 0 && { inputs: inputs.map((one) => `${one}:0`) }),
    });
    result.digestMapping[sha256Of(JSON.stringify([about, inputs]))] = id;
    return id;
  };
  const sources = new Map<string, string>();
  for (const material of materials) {
    const identifier = identifierOf(material);
    sources.set(identifier, add({ source: { identifier } }, []));
  }
  /** By stage: its last step so far, its base at first. */
  const last = new Map<PlannedStage, string | undefined>();
  const lastOf = (stage: PlannedStage): string | undefined => {
    if (last.has(stage)) return last.get(stage);
    const { base } = stage;
    if (base.kind === "stage") return lastOf(base.stage);
    return base.kind === "image" ? sources.get(imageIdentifier(base.image)) : undefined;
  };
  for (const step of steps) {
    const { stage, instruction } = step;
    const taken = fromNames(instruction).map((name) => plan.sourceOf(stage, name, instruction));
    const based = [lastOf(stage), ...taken.map((source) => source && lastOf(source))];
    const id = add(operationOf(step), [...new Set(based.filter((one) => one !== undefined))]);
    last.set(stage, id);
    const { start, end } = step.instruction.range;
    result.locations[id] = { locations: [{ ranges: [{ start: { line: start }, end: { line: end } }] }] };
    if (step.after.layers.length > step.before.layers.length) {
      // Of what other builders know, not every layer can be had.
      const known = step.after.layers.filter(({ descriptor }) => descriptor.mediaType !== "");
      result.layers[`${id}:0`] = [known.map(({ descriptor }) => descriptor)];
    }
  }
  return result;
}

function identifierOf(material: Material): string {
  if (material.kind === "git") return `git://${material.url}`;
  if (material.kind === "http") return material.url;
  if (material.kind === "layout") return `oci-layout://${fullString(parseReference(material.name))}`;
  return imageIdentifier(material.name);
}

function imageIdentifier(name: string): string {
  return `docker-image://${fullString(withDefaultTag(parseReference(name)))}`;
}

/** What the step does. Values of the environment are those of the image: arguments and secrets are not among them. */
function operationOf({ instruction, before }: RecordedStep): object {
  const { Env = [], WorkingDir, User } = before.config;
  switch (instruction.keyword) {
    case "RUN": {
      const meta = {
        args: argumentsOf(before, instruction),
        env: Env,
        cwd: WorkingDir || "/",
        ...(User ? { user: User } : {}),
      };
      return { exec: { meta, mounts: [{ dest: "/", output: 0 }] } };
    }
    case "WORKDIR":
      return {
        file: { actions: [{ Action: { mkdir: { path: instruction.path, mode: 493, makeParents: true } } }] },
      };
    case "COPY":
    case "ADD": {
      const { sources, files, destination } = instruction;
      const all = [...sources, ...files.map(({ name }) => name)];
      return { file: { actions: all.map((src) => ({ Action: { copy: { src, dest: destination } } })) } };
    }
    default:
      return {};
  }
}
