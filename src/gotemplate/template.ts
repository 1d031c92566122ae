import { execute } from "./execute.ts";
import { type FunctionTable, formatFunctions } from "./functions.ts";
import { parse } from "./parser.ts";
import type { Value } from "./types.ts";

/** A parsed `--format` template. */
export interface Template {
  /** Runs it. Throws a TemplateError with Go's message (`template: :1:2: executing "" at <.X>: …`). */
  execute(
    data: Value | undefined,
    options?: { readonly functions?: FunctionTable; readonly missingKey?: "noValue" | "error" },
  ): string;
}

/** Parses a template with Docker's functions. Throws a TemplateError with Go's message. */
export function parseTemplate(source: string, name = ""): Template {
  const known = (candidate: string) =>
    candidate === "and" || candidate === "or" || Object.hasOwn(formatFunctions, candidate);
  const parsed = parse(name, source, known);
  return {
    execute: (data, { functions = formatFunctions, missingKey = "noValue" } = {}) =>
      execute(name, parsed, data, { functions, missingKey }),
  };
}
