import { messageOf } from "../base/errors.ts";
import type { Dockerfile, Stage } from "../dockerfile/dockerfile.ts";
import { DockerfileError, type LineRange, located } from "../dockerfile/errors.ts";
import { type GlobalArgs, readGlobalArgs } from "../dockerfile/global-args.ts";
import type { Instruction } from "../dockerfile/instruction.ts";
import { nearest } from "../dockerfile/suggest.ts";
import { Words } from "../dockerfile/variables.ts";
import { type Platform, parsePlatform } from "../oci/platform.ts";
import { contextNamed } from "./named-contexts.ts";
import type { BuildOptions } from "./options.ts";

/** Where a stage begins: nothing, another stage, an image, or a context of `--build-context`. */
export type Base =
  | { kind: "scratch" }
  | { kind: "stage"; stage: PlannedStage }
  | { kind: "image"; image: string };

/** A stage that is needed, its base known. */
export interface PlannedStage {
  stage: Stage;
  base: Base;
  platform: Platform;
  /** The stages whose files it copies or mounts. */
  sources: PlannedStage[];
}

export interface Plan {
  /** Those that are needed, in the order of the file. */
  stages: PlannedStage[];
  target: PlannedStage;
  /** `ARG` before the first `FROM`. */
  globals: GlobalArgs;
  /** Whether steps are shown with the names of their stages: as in BuildKit where files may come from more than one. */
  showsStages: boolean;
  /** The stage that `--from=name` means for an instruction of a stage; undefined when it is none. */
  sourceOf(planned: PlannedStage, name: string, instruction: Instruction): PlannedStage | undefined;
}

/** Decides which stages are needed, and what each begins with. Throws `DockerfileError`. */
export function planBuild(dockerfile: Dockerfile, options: BuildOptions): Plan {
  return new Planner(dockerfile, options).plan();
}

class Planner {
  readonly #dockerfile: Dockerfile;
  readonly #options: BuildOptions;
  readonly #globals: GlobalArgs;
  readonly #planned = new Map<number, PlannedStage>();

  constructor(dockerfile: Dockerfile, options: BuildOptions) {
    this.#dockerfile = dockerfile;
    this.#options = options;
    this.#globals = readGlobalArgs(dockerfile, options);
  }

  plan(): Plan {
    const target = this.#stage(this.#target());
    const stages = [...this.#planned.values()].sort((a, b) => a.stage.index - b.stage.index);
    return {
      stages,
      target,
      globals: this.#globals,
      showsStages: this.#showsStages(),
      // What a base image triggers may need a stage that nobody needed before.
      sourceOf: ({ stage }, name, instruction) => {
        const source = this.#sourceStage(stage, name, instruction);
        return source && this.#stage(source);
      },
    };
  }

  #showsStages(): boolean {
    const { stages } = this.#dockerfile;
    const takesFiles = (instruction: Instruction) =>
      instruction.keyword === "RUN"
        ? instruction.mounts.length > 0
        : fromNames(instruction).some((name) => name !== "");
    return stages.length > 1 || stages.some(({ instructions }) => instructions.some(takesFiles));
  }

  #word(text: string, range: Instruction["range"]): string {
    try {
      return new Words(this.#dockerfile.directives.escape, (name) => this.#globals.values.get(name)).word(
        text,
      );
    } catch (error) {
      throw located(error, range);
    }
  }

  #target(): Stage {
    const { stages } = this.#dockerfile;
    const { target } = this.#options;
    const last = stages.at(-1);
    if (last === undefined) throw new DockerfileError("dockerfile contains no stages to build");
    if (target === "") return last;
    const found =
      this.#named(target, stages.length) ?? (/^\d+$/.test(target) ? stages[Number(target)] : undefined);
    if (found !== undefined) return found;
    const meant = nearest(
      target,
      stages.map(({ name }) => name).filter((name) => name !== ""),
    );
    const question = meant === "" ? "" : ` (did you mean ${meant}?)`;
    throw new DockerfileError(`target stage "${target}" could not be found${question}`);
  }

  /** The last stage of this name before stage number `before`. */
  #named(name: string, before: number): Stage | undefined {
    const wanted = name.toLowerCase();
    return this.#dockerfile.stages
      .slice(0, before)
      .findLast((stage) => stage.name !== "" && stage.name === wanted);
  }

  #stage(stage: Stage): PlannedStage {
    const known = this.#planned.get(stage.index);
    if (known !== undefined) return known;
    const planned: PlannedStage = {
      stage,
      base: this.#base(stage),
      platform: this.#platform(stage),
      sources: [],
    };
    this.#planned.set(stage.index, planned);
    planned.sources = stage.instructions.flatMap((instruction) => this.#sources(stage, instruction));
    return planned;
  }

  #platform({ from }: Stage): Platform {
    if (from.platform === undefined) return this.#options.platform;
    const platform = this.#word(from.platform, from.range);
    if (platform === "")
      throw new DockerfileError(`empty platform value from expression ${from.platform}`, from.range);
    return platformOf(platform, from.range);
  }

  #base(stage: Stage): Base {
    const image = this.#word(stage.from.image, stage.from.range);
    if (image === "") {
      const from = stage.from.image;
      throw new DockerfileError(`base name (${from}) should not be blank`, stage.from.range);
    }
    if (this.#isContext(image)) return { kind: "image", image };
    const other = this.#named(image, stage.index);
    if (other !== undefined) return { kind: "stage", stage: this.#stage(other) };
    return image === "scratch" ? { kind: "scratch" } : { kind: "image", image };
  }

  #isContext(name: string): boolean {
    const { namedContexts, platform } = this.#options;
    return contextNamed(namedContexts, name, platform) !== undefined;
  }

  #sources(stage: Stage, instruction: Instruction): PlannedStage[] {
    return fromNames(instruction).flatMap((name) => {
      const source = this.#sourceStage(stage, name, instruction);
      return source === undefined ? [] : [this.#stage(source)];
    });
  }

  /** `--from`: a stage by name or number; undefined when it names a context or an image. */
  #sourceStage(stage: Stage, name: string, { range }: Instruction): Stage | undefined {
    if (name.includes("$")) {
      throw new DockerfileError(
        `variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround`,
        range,
      );
    }
    if (name === "" || this.#isContext(name)) return undefined;
    const { stages } = this.#dockerfile;
    const found =
      this.#named(name, stage.index) ??
      this.#named(name, stages.length) ??
      (/^\d+$/.test(name) ? (stages[Number(name)] ?? null) : undefined);
    if (found === null) throw new DockerfileError(`invalid stage index ${name}`, range);
    if (found !== undefined && found.index >= stage.index) throw this.#tooLate(stage, name, found, range);
    return found;
  }

  #tooLate(stage: Stage, name: string, found: Stage, range: Instruction["range"]): DockerfileError {
    const called = ({ index, from }: Stage) => from.name ?? `stage-${index}`;
    if (found === stage) {
      return new DockerfileError(`circular dependency detected on stage: ${called(stage)}`, range);
    }
    return new DockerfileError(
      `cannot copy from stage "${name}", it needs to be defined before current stage "${called(stage)}"`,
      range,
    );
  }
}

function platformOf(text: string, range: LineRange): Platform {
  try {
    return parsePlatform(text);
  } catch (error) {
    throw new DockerfileError(`failed to parse platform ${text}: ${messageOf(error)}`, range);
  }
}

/** What an instruction takes files from, by `--from` and mounts: stages, contexts, images. */
export function fromNames(instruction: Instruction): string[] {
  const { keyword } = instruction;
  const names =
    keyword === "COPY"
      ? [instruction.from]
      : keyword === "RUN"
        ? instruction.mounts.map(({ from }) => from)
        : [];
  return names.filter((name) => name !== undefined);
}
