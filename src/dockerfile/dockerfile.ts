import { type Directives, readDirectives } from "./directives.ts";
import { DockerfileError } from "./errors.ts";
import type { Instruction, InstructionOf } from "./instruction.ts";
import { parseInstruction } from "./parse-instruction.ts";
import { readSourceLines } from "./source-lines.ts";

/** One stage: `FROM`, and what is done with it. */
export interface Stage {
  from: InstructionOf<"FROM">;
  /** As it is referred to, lower case; "" when it has none. */
  name: string;
  /** Counted from 0. */
  index: number;
  instructions: Instruction[];
  /** The comments above `FROM`: what `--call=outline` and `targets` show. */
  comments: string[];
}

/** A whole Dockerfile. */
export interface Dockerfile {
  source: string;
  directives: Directives;
  /** `ARG` before the first `FROM`. */
  globalArgs: InstructionOf<"ARG">[];
  stages: Stage[];
  /** The last lines of instructions with an empty line in a continuation; a build check tells of them. */
  emptyContinuations: number[];
}

/**
 * Parses a Dockerfile (Dockerfile reference, syntax 1.20). Variables are not replaced yet. Throws `DockerfileError` in
 * BuildKit's words.
 */
export function parseDockerfile(text: string): Dockerfile {
  const source = text.replace(/^\uFEFF/, "");
  const lines = source.split("\n").map((line) => line.replace(/\r$/, ""));
  const directives = readDirectives(lines);
  const dockerfile: Dockerfile = { source, directives, globalArgs: [], stages: [], emptyContinuations: [] };
  let any = false;
  for (const line of readSourceLines(lines, directives)) {
    any = true;
    if (line.emptyContinuation !== undefined) dockerfile.emptyContinuations.push(line.emptyContinuation);
    add(dockerfile, parseInstruction(line, directives.escape), line.comments);
  }
  if (!any) {
    const last = Math.max(1, lines.length - 1);
    throw new DockerfileError("file with no instructions", { start: last, end: last });
  }
  if (dockerfile.stages.length === 0) throw new DockerfileError("dockerfile contains no stages to build");
  return dockerfile;
}

function add(dockerfile: Dockerfile, instruction: Instruction, comments: string[]): void {
  const { stages, globalArgs } = dockerfile;
  const stage = stages.at(-1);
  if (instruction.keyword === "FROM") {
    const name = (instruction.name ?? "").toLowerCase();
    stages.push({ from: instruction, name, index: stages.length, instructions: [], comments });
  } else if (stage !== undefined) {
    stage.instructions.push(instruction);
  } else if (instruction.keyword === "ARG") {
    globalArgs.push(instruction);
  } else {
    throw new DockerfileError("no build stage in current context", instruction.range);
  }
}

/** The instruction that an `ONBUILD` of a base image holds. */
export function parseTrigger(trigger: string): Instruction {
  const directives = readDirectives([]);
  for (const line of readSourceLines(trigger.split("\n"), directives)) {
    return parseInstruction(line, directives.escape);
  }
  throw new DockerfileError("ONBUILD with no instruction");
}
