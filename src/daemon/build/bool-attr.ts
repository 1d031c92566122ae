import { invalidArgument } from "../../base/errors.ts";

/** Throws `invalidArgument` for what is neither true nor false; an empty value is true. */
export function boolOf(attrs: Readonly<Record<string, string>>, name: string): boolean {
  const text = attrs[name];
  if (text === undefined) return false;
  if (/^(|1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw invalidArgument(`non-bool value specified for ${name}`);
}
