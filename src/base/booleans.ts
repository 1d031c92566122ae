import { invalidArgument } from "./errors.ts";

/** A truth value as Go's `strconv.ParseBool` reads it; undefined for what is none. */
export function booleanOf(text: string): boolean | undefined {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(?:0|f|F|false|FALSE|False)$/.test(text) ? false : undefined;
}

/** As `booleanOf`. Throws `invalidArgument`, in Go's words, for what is no truth value. */
export function parseBoolean(text: string): boolean {
  const value = booleanOf(text);
  if (value !== undefined) return value;
  throw invalidArgument(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}
