import { firstFailure } from "../base/errors.ts";
import { parseTrigger, type Stage } from "../dockerfile/dockerfile.ts";
import { located } from "../dockerfile/errors.ts";
import type { Instruction } from "../dockerfile/instruction.ts";
import { platformArgs, Words } from "../dockerfile/variables.ts";
import { copyStep } from "./copy-step.ts";
import { applyToConfig, ownConfig } from "./instruction-config.ts";
import type { Plan, PlannedStage } from "./plan.ts";
import type { Vertex, VertexEnd } from "./progress.ts";
import { ResultsUnavailable } from "./remote-cache/imported-cache.ts";
import { runStep } from "./run-step.ts";
import { ownState, type StageState, withoutLayer, withPath } from "./stage-state.ts";
import type { StepContext, StepResult } from "./step-context.ts";
import { workdirStep } from "./workdir-step.ts";

/** What all stages of a build have in common. */
export type Shared = Omit<StepContext, "vertex" | "planned" | "state" | "words" | "useCache" | "source"> & {
  plan: Plan;
  /** The number of an instruction among all that are carried out, from 1; undefined for those of ONBUILD. */
  indexOf: (instruction: Instruction) => number | undefined;
  stagesBuilt: (planned: PlannedStage, instruction: Instruction) => Promise<void>;
  source: (
    planned: PlannedStage,
    name: string,
    instruction: Instruction,
  ) => ReturnType<StepContext["source"]>;
};

const changesFiles = new Set(["RUN", "COPY", "ADD", "WORKDIR"]);

/** Carries out the instructions of one stage, one after another. */
export class StageBuilder {
  readonly #shared: Shared;
  readonly #planned: PlannedStage;
  readonly #useCache: boolean;
  /** Those of the state: they grow with the stage, and what is built on it begins with a copy. */
  readonly #variables: Map<string, string>;
  #state: StageState;
  #previous: string;
  #hasCommand = false;
  #number: number;
  #total: number;

  constructor(shared: Shared, planned: PlannedStage, base: StageState, baseVertex: string) {
    this.#shared = shared;
    this.#planned = planned;
    const state = ownState(withPath(base));
    this.#variables = state.variables;
    this.#state = state;
    this.#number = planned.base.kind === "image" ? 1 : 0;
    this.#total = stageTotal(planned);
    this.#previous = baseVertex;
    const { noCache, noCacheFilter } = shared.options;
    this.#useCache = !noCache && !noCacheFilter.includes(planned.stage.name || String(planned.stage.index));
  }

  async build(): Promise<StageState> {
    // What the base image keeps for those that build on it comes first, and does not go on into the result.
    const triggers = (this.#state.config.OnBuild ?? []).map(parseTrigger);
    const { OnBuild: _, ...config } = this.#state.config;
    this.#state = { ...this.#state, config: ownConfig(config) };
    const instructions = [...triggers, ...this.#planned.stage.instructions];
    this.#total += fileChanges(triggers);
    for (const [index, instruction] of instructions.entries()) {
      this.#shared.signal.throwIfAborted();
      await this.#step(instruction, index < triggers.length);
    }
    return this.#state;
  }

  async #step(instruction: Instruction, triggered: boolean): Promise<void> {
    const vertex = this.#vertex(instruction, triggered);
    const { progress } = this.#shared;
    // The time of a step is its own, without that of what it waits for.
    await this.#shared.stagesBuilt(this.#planned, instruction);
    progress.begin(vertex);
    let end: VertexEnd = {};
    try {
      const { variables } = this.#state;
      const words = new Words(this.#shared.directives.escape, (name) => variables.get(name));
      const { state, cached } = await this.#carryOut(instruction, vertex, words);
      if (vertex.visible) {
        const { record } = this.#shared;
        record.steps.push({ stage: this.#planned, instruction, words, before: this.#state, after: state });
      }
      this.#state = state;
      end = { cached, result: shortKey(state.key) };
    } catch (error) {
      const shown = located(error, instruction.range);
      // Then it is going to be carried out after all.
      if (!(firstFailure(error) instanceof ResultsUnavailable)) end = { error: shown };
      throw shown;
    } finally {
      progress.end(vertex, end);
    }
  }

  #vertex(instruction: Instruction, triggered: boolean): Vertex {
    const index = this.#shared.indexOf(instruction);
    const { stage } = this.#planned;
    const id = `${stage.index}:${instruction.range.start}:${index ?? `onbuild-${this.#number}`}`;
    const inputs = [this.#previous];
    this.#previous = id;
    const visible = changesFiles.has(instruction.keyword);
    if (visible) this.#number++;
    const width = String(this.#total).length;
    const prefix = `[${stagePrefix(this.#shared.plan, stage)}${String(this.#number).padStart(width)}/${this.#total}] `;
    return {
      id,
      name: `${prefix}${triggered ? "ONBUILD " : ""}${this.#shown(instruction)}`,
      ...(index === undefined ? {} : { step: { instruction, index } }),
      visible,
      inputs,
    };
  }

  /** The instruction with the values of its variables, those that have none as they are written. */
  #shown(instruction: Instruction): string {
    const text = instruction.text + heredocSummary(instruction);
    if (!text.includes("$")) return text;
    const { variables } = this.#state;
    const words = new Words(this.#shared.directives.escape, (name) => variables.get(name) ?? `$${name}`);
    try {
      return words.text(text);
    } catch {
      // The line of a shell is no text of ours.
      return text;
    }
  }

  async #carryOut(instruction: Instruction, vertex: Vertex, words: Words): Promise<StepResult> {
    const { plan, source } = this.#shared;
    const context: StepContext = {
      ...this.#shared,
      vertex,
      planned: this.#planned,
      state: this.#state,
      words,
      useCache: this.#useCache,
      source: (name) => source(this.#planned, name, instruction),
    };
    switch (instruction.keyword) {
      case "RUN":
        return runStep(context, instruction);
      case "COPY":
      case "ADD":
        return copyStep(context, instruction);
      case "WORKDIR":
        return workdirStep(context, instruction);
      case "ARG":
        return { state: this.#declare(instruction, plan), cached: false };
      case "MAINTAINER": {
        const author = instruction.maintainer;
        const state = { ...this.#state, author };
        return { state: withoutLayer(state, state.config, `MAINTAINER ${author}`), cached: false };
      }
      default: {
        const applied = applyToConfig(this.#state.config, instruction, words, this.#hasCommand);
        if (applied === undefined) throw new Error(`${instruction.keyword} cannot be carried out`);
        if (instruction.keyword === "CMD") this.#hasCommand = true;
        const { config, history, set } = applied;
        for (const [name, value] of set ?? []) this.#variables.set(name, value);
        const state = { ...this.#state, config };
        return { state: history === undefined ? state : withoutLayer(state, config, history), cached: false };
      }
    }
  }

  /** `ARG`: from `--build-arg`, or the default, or the global one of this name, or what is known by itself. */
  #declare(instruction: Extract<Instruction, { keyword: "ARG" }>, plan: Plan): StageState {
    const given = this.#shared.options.args;
    const automatic = platformArgs(this.#planned.platform, this.#shared.options.target);
    const variables = this.#variables;
    const words = new Words(this.#shared.directives.escape, (name) => variables.get(name));
    const shown: string[] = [];
    for (const { name, value } of instruction.args) {
      const inherited = plan.globals.declared.has(name) ? plan.globals.values.get(name) : undefined;
      const result =
        given.get(name) ?? (value === undefined ? (inherited ?? automatic.get(name)) : words.word(value));
      if (result !== undefined) variables.set(name, result);
      shown.push(result === undefined ? name : `${name}=${result}`);
    }
    for (const { name } of instruction.args) this.#state.args.add(name);
    return withoutLayer(this.#state, this.#state.config, `ARG ${shown.join(" ")}`);
  }
}

/** How many steps people see of a stage: its base where that is an image, and what changes files. */
export function stageTotal({ base, stage }: PlannedStage): number {
  return (base.kind === "image" ? 1 : 0) + fileChanges(stage.instructions);
}

function fileChanges(instructions: readonly Instruction[]): number {
  return instructions.filter(({ keyword }) => changesFiles.has(keyword)).length;
}

/** `build ` before the numbers, where stages are shown. */
export function stagePrefix(plan: Plan, { name, index }: Stage): string {
  if (!plan.showsStages) return "";
  return `${name || `stage-${index}`} `;
}

/** Of a script that stands below its instruction: how it begins. */
function heredocSummary(instruction: Instruction): string {
  if (instruction.keyword !== "RUN" || !instruction.command.shell) return "";
  const [first] = instruction.command.heredocs;
  if (first === undefined) return "";
  const lines = first.content.trim().split("\n");
  return ` (${lines[0]?.trim() ?? ""}${lines.length > 1 ? "..." : ""})`;
}

export function shortKey(key: string): string {
  return key.slice(0, 12);
}
