import { booleanOf } from "../../base/booleans.ts";
import { invalidArgument } from "../../base/errors.ts";

/**
 * What an attribute says, as Go's `strconv.ParseBool` reads it; an empty one is true, and one that is not there
 * `otherwise`. Throws `invalidArgument` for what is neither true nor false.
 */
export function boolOf(attrs: Readonly<Record<string, string>>, name: string, otherwise = false): boolean {
  const text = attrs[name];
  if (text === undefined) return otherwise;
  const value = text === "" ? true : booleanOf(text);
  if (value !== undefined) return value;
  throw invalidArgument(`non-bool value specified for ${name}`);
}
