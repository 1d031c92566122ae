import { decode, parseJson } from "../../api/decode.ts";
import { input, type Schema } from "../../api/schema.ts";
import { EngineError, invalidArgument, messageOf } from "../../base/errors.ts";
import { type Given, optionOf } from "./flags.ts";
import { type OptionName, options } from "./options.ts";

const names = Object.keys(options) as OptionName[];
const byKey = new Map(
  names.flatMap((name) => {
    const { key } = optionOf(name);
    return key === undefined ? [] : [[key, name] as const];
  }),
);

/** Keys whose value is a group of settings of their own, not a value. */
const groups = new Set(["proxies"]);

/**
 * The settings in the text of daemon.json. Throws `invalidArgument` with Docker's texts for unknown keys, for what the
 * flags give too, and for values that cannot be.
 */
export function parseConfigFile(text: string, fromFlags: Given): Given {
  const directives = flatten(parseObject(text));
  const unknown = [...directives.keys()].filter((key) => !byKey.has(key));
  if (unknown.length > 0) {
    throw invalidArgument(
      `the following directives don't match any configuration option: ${unknown.sort().join(", ")}`,
    );
  }
  checkConflicts(directives, fromFlags);
  const given: Record<string, unknown> = {};
  for (const [key, value] of directives) {
    const name = byKey.get(key);
    if (name !== undefined && value !== null) given[name] = fromFile(key, name, value);
  }
  return given as Given;
}

function parseObject(text: string): Record<string, unknown> {
  if (text.trim() === "") throw invalidArgument("EOF");
  const value = parseJson(text.replace(/^\uFEFF/, ""));
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  const found = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  throw invalidArgument(`json: cannot unmarshal ${found} into Go value of type map[string]interface {}`);
}

function flatten(object: Record<string, unknown>): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [key, value] of Object.entries(object)) {
    if (!groups.has(key)) flat.set(key, value);
    else if (typeof value === "object" && value !== null) {
      for (const [inner, item] of Object.entries(value)) flat.set(inner, item);
    }
  }
  return flat;
}

function checkConflicts(directives: ReadonlyMap<string, unknown>, fromFlags: Given): void {
  const conflicts: string[] = [];
  for (const [key, value] of directives) {
    const name = byKey.get(key);
    if (name === undefined || fromFlags[name] === undefined || optionOf(name).mayRepeat) continue;
    conflicts.push(`${key}: (from flag: ${goValue(fromFlags[name])}, from file: ${goValue(value)})`);
  }
  if (conflicts.length > 0) {
    throw invalidArgument(
      `the following directives are specified both as a flag and in the configuration file: ${conflicts.sort().join(", ")}`,
    );
  }
}

/** A value as Go's `%v` prints it. */
function goValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goValue).join(" ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${goValue(item)}`).join(" ")}]`;
}

function fromFile(key: string, name: OptionName, value: unknown): unknown {
  const option = optionOf(name);
  // Decoded as a field of a struct, for the place in the error's text.
  decode(
    input("config.Config", () => ({ [key]: option.schema as Schema })),
    { [key]: value },
  );
  const result = option.fromFile(value);
  try {
    option.check?.(result);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalidArgument(`configuration validation from file failed: ${messageOf(error)}`, error);
  }
  return result;
}
