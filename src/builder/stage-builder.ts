import { parseTrigger, type Stage } from "../dockerfile/dockerfile.ts";
import { parseError } from "../dockerfile/errors.ts";
import { ExpandError } from "../dockerfile/expand.ts";
import type { Instruction } from "../dockerfile/instruction.ts";
import { copyStep } from "./copy-step.ts";
import { applyToConfig } from "./instruction-config.ts";
import type { Plan, PlannedStage } from "./plan.ts";
import type { Vertex, VertexEnd } from "./progress.ts";
import { runStep } from "./run-step.ts";
import { type StageState, withoutLayer } from "./stage-state.ts";
import type { StepContext, StepResult } from "./step-context.ts";
import { Environment, platformArgs, Words } from "./variables.ts";
import { workdirStep } from "./workdir-step.ts";

/** What all stages of a build have in common. */
export type Shared = Omit<
  StepContext,
  "vertex" | "planned" | "state" | "words" | "args" | "useCache" | "source"
> & {
  plan: Plan;
  /** The number of an instruction among all that are carried out, from 1; undefined for those of ONBUILD. */
  indexOf: (instruction: Instruction) => number | undefined;
  source: (planned: PlannedStage, name: string) => ReturnType<StepContext["source"]>;
};

const changesFiles = new Set(["RUN", "COPY", "ADD", "WORKDIR"]);

/** Carries out the instructions of one stage, one after another. */
export class StageBuilder {
  readonly #shared: Shared;
  readonly #planned: PlannedStage;
  readonly #args = new Map<string, string>();
  readonly #useCache: boolean;
  #state: StageState;
  #previous: string;
  #number = 1;
  #total = 1;

  constructor(shared: Shared, planned: PlannedStage, base: StageState, baseVertex: string) {
    this.#shared = shared;
    this.#planned = planned;
    this.#state = base;
    this.#previous = baseVertex;
    const { noCache, noCacheFilter } = shared.options;
    this.#useCache = !noCache && !noCacheFilter.includes(planned.stage.name || String(planned.stage.index));
  }

  async build(): Promise<StageState> {
    // What the base image keeps for those that build on it comes first, and does not go on into the result.
    const triggers = (this.#state.config.OnBuild ?? []).map(parseTrigger);
    const { OnBuild: _, ...config } = this.#state.config;
    this.#state = { ...this.#state, config };
    const instructions = [...triggers, ...this.#planned.stage.instructions];
    this.#total = stageTotal(instructions);
    for (const instruction of instructions) {
      this.#shared.signal.throwIfAborted();
      await this.#step(instruction);
    }
    return this.#state;
  }

  async #step(instruction: Instruction): Promise<void> {
    const vertex = this.#vertex(instruction);
    const { progress } = this.#shared;
    progress.begin(vertex);
    let end: VertexEnd = {};
    try {
      const { state, cached } = await this.#carryOut(instruction, vertex);
      this.#state = state;
      end = { cached, result: shortKey(state.key) };
    } catch (error) {
      end = { error: located(error, instruction) };
      throw end.error;
    } finally {
      progress.end(vertex, end);
    }
  }

  #vertex(instruction: Instruction): Vertex {
    const index = this.#shared.indexOf(instruction);
    const { stage } = this.#planned;
    const id = `${stage.index}:${instruction.range.start}:${index ?? "onbuild"}`;
    const inputs = [this.#previous];
    this.#previous = id;
    const visible = changesFiles.has(instruction.keyword);
    if (visible) this.#number++;
    return {
      id,
      name: `[${stagePrefix(this.#shared.plan, stage)}${this.#number}/${this.#total}] ${instruction.text}`,
      ...(index === undefined ? {} : { step: { instruction, index } }),
      visible,
      inputs,
    };
  }

  async #carryOut(instruction: Instruction, vertex: Vertex): Promise<StepResult> {
    const { directives, plan, source } = this.#shared;
    const env = new Environment(this.#state.config.Env);
    const words = new Words(directives.escape, (name) => env.get(name) ?? this.#args.get(name));
    const context: StepContext = {
      ...this.#shared,
      vertex,
      planned: this.#planned,
      state: this.#state,
      words,
      args: this.#args,
      useCache: this.#useCache,
      source: (name) => source(this.#planned, name),
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
        return { state: this.#declare(instruction, words, plan), cached: false };
      case "MAINTAINER": {
        const author = instruction.maintainer;
        const state = { ...this.#state, author };
        return { state: withoutLayer(state, state.config, `MAINTAINER ${author}`), cached: false };
      }
      default: {
        const applied = applyToConfig(this.#state.config, instruction, words);
        if (applied === undefined) throw new Error(`${instruction.keyword} cannot be carried out`);
        return { state: withoutLayer(this.#state, applied.config, applied.history), cached: false };
      }
    }
  }

  /** `ARG`: from `--build-arg`, or the default, or the global one of this name, or what is known by itself. */
  #declare(instruction: Extract<Instruction, { keyword: "ARG" }>, words: Words, plan: Plan): StageState {
    const given = this.#shared.options.args;
    const automatic = platformArgs(this.#planned.platform, this.#shared.options.target);
    const shown: string[] = [];
    for (const { name, value } of instruction.args) {
      const inherited = plan.declared.has(name) ? plan.globalArgs.get(name) : undefined;
      const result =
        given.get(name) ?? (value === undefined ? (inherited ?? automatic.get(name)) : words.word(value));
      if (result !== undefined) this.#args.set(name, result);
      shown.push(result === undefined ? name : `${name}=${result}`);
    }
    return withoutLayer(this.#state, this.#state.config, `ARG ${shown.join(" ")}`);
  }
}

/** How many steps people see of a stage: its base, and what changes files. */
export function stageTotal(instructions: readonly Instruction[]): number {
  return 1 + instructions.filter(({ keyword }) => changesFiles.has(keyword)).length;
}

/** `build ` before the numbers, where there is more than one stage. */
export function stagePrefix(plan: Plan, { name, index }: Stage): string {
  if (plan.stages.length === 1) return "";
  return `${name || `stage-${index}`} `;
}

export function shortKey(key: string): string {
  return key.slice(0, 12);
}

/** `error` with the line of the instruction, where the words of the instruction are what is wrong. */
function located(error: unknown, { range }: Instruction): unknown {
  return error instanceof ExpandError ? parseError(error.message, range) : error;
}
