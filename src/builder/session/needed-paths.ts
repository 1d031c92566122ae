import type { Instruction } from "../../dockerfile/instruction.ts";
import { isRemote } from "../add-remote.ts";
import { contextName } from "../named-contexts.ts";
import type { Plan } from "../plan.ts";

/**
 * The paths that the stages of `plan` take from the context called `name` ("" for the main one): all that has to travel.
 * Undefined where only the build itself finds out, or where everything is taken.
 */
export function neededPaths(plan: Plan, name: string): string[] | undefined {
  const found = new Set<string>();
  for (const { stage, base } of plan.stages) {
    if (name !== "" && base.kind === "image" && contextName(base.image) === name) return undefined;
    for (const instruction of stage.instructions) {
      for (const path of pathsOf(instruction, name)) {
        if (path.includes("$")) return undefined;
        const plain = path.replace(/^(\.?\/+)+/, "").replace(/\/+$/, "");
        if (plain === "" || plain === "." || plain.split("/").includes("..")) return undefined;
        found.add(plain.replaceAll("/./", "/"));
      }
    }
  }
  return [...found].sort();
}

function pathsOf(instruction: Instruction, name: string): string[] {
  switch (instruction.keyword) {
    case "COPY":
      return contextName(instruction.from ?? "") === name ? instruction.sources : [];
    case "ADD":
      return name === "" ? instruction.sources.filter((source) => !isRemote(source)) : [];
    case "RUN":
      return instruction.mounts
        .filter(({ type, from }) => (type === "bind" || type === "cache") && contextName(from ?? "") === name)
        .filter(({ type, from }) => type === "bind" || from !== undefined)
        .map(({ source }) => source ?? "/");
    default:
      return [];
  }
}
