import { invalidArgument } from "./errors.ts";

/** A truth value as Go's `strconv.ParseBool` reads it. Throws `invalidArgument`, in its words. */
export function parseBoolean(text: string): boolean {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(?:0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw invalidArgument(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}
