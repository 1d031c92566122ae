import type { Dockerfile, Stage } from "../dockerfile.ts";
import type { Instruction } from "../instruction.ts";
import type { Findings } from "./findings.ts";

/** Checks of how names and keywords are written. */
export function checkStyle({ stages, globalArgs, emptyContinuations }: Dockerfile, findings: Findings): void {
  for (const line of emptyContinuations) {
    findings.add("NoEmptyContinuation", { start: line, end: line }, "Empty continuation line");
  }
  checkCasing([...stages.flatMap(({ from, instructions }) => [from, ...instructions])], findings);
  const names = new Set<string>();
  for (const stage of stages) {
    checkStageName(stage, names, findings);
    const { from, comments, instructions } = stage;
    if (from.name !== undefined) describe("FROM", [from.name], comments, from, findings);
    for (const one of instructions) describeArg(one, findings);
  }
  for (const arg of globalArgs) describeArg(arg, findings);
}

const written = ({ text }: Instruction) => text.split(/\s/, 1)[0] ?? "";
const isLower = (word: string) => word === word.toLowerCase();
const isUpper = (word: string) => word === word.toUpperCase();

/** What most instructions are written in is what all should be written in. */
function checkCasing(instructions: readonly Instruction[], findings: Findings): void {
  const words = instructions.map(written);
  const lower = words.filter(isLower).length > words.filter(isUpper).length;
  for (const instruction of instructions) {
    const word = written(instruction);
    if (lower ? isLower(word) : isUpper(word)) continue;
    const message = `Command '${word}' should match the case of the command majority (${lower ? "lowercase" : "uppercase"})`;
    findings.add("ConsistentInstructionCasing", instruction.range, message);
  }
}

function checkStageName({ from, name }: Stage, names: Set<string>, findings: Findings): void {
  if (from.name === undefined) return;
  const { range } = from;
  if (!isLower(from.name)) {
    findings.add("StageNameCasing", range, `Stage name '${from.name}' should be lowercase`);
  }
  const matches = isLower(from.from) ? isLower(from.as) : !isUpper(from.from) || isUpper(from.as);
  if (!matches) {
    findings.add("FromAsCasing", range, `'${from.as}' and '${from.from}' keywords' casing do not match`);
  }
  if (name === "context" || name === "scratch") {
    const message = `Stage name should not use the same name as reserved stage ${JSON.stringify(name)}`;
    findings.add("ReservedStageName", range, message);
  }
  if (names.has(name)) {
    const message = `Duplicate stage name ${JSON.stringify(name)}, stage names should be unique`;
    findings.add("DuplicateStageName", range, message);
  }
  names.add(name);
}

function describeArg(instruction: Instruction, findings: Findings): void {
  if (instruction.keyword !== "ARG") return;
  const names = instruction.args.map(({ name }) => name);
  describe("ARG", names, instruction.comments, instruction, findings);
}

/** A comment right above a stage or an argument is its description. */
function describe(
  what: string,
  names: readonly string[],
  comments: readonly string[],
  { range }: Instruction,
  findings: Findings,
): void {
  const [word = ""] = comments.at(-1)?.split(" ", 1) ?? [];
  if (comments.length === 0 || names.includes(word)) return;
  const example = names.length === 1 ? names[0] : "<arg_key>";
  const message = `Comment for ${what} should follow the format: \`# ${example} <description>\``;
  findings.add("InvalidDefinitionDescription", range, message);
}
