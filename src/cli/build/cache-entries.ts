import { parseCsvRecord } from "../../base/csv.ts";
import { invalidArgument } from "../../base/errors.ts";

/** `type=registry,ref=name`, or a name alone. Throws `invalidArgument`. */
export function cacheEntries(flag: string, text: string): { Type: string; Attrs: Record<string, string> } {
  if (!text.includes("=")) return { Type: "registry", Attrs: { ref: text } };
  const fields = parseCsvRecord(text).map((field) => {
    const at = field.indexOf("=");
    if (at < 0) throw invalidArgument(`invalid value ${field} for ${flag}`);
    return [field.slice(0, at).toLowerCase(), field.slice(at + 1)] as const;
  });
  const { type = "", ...Attrs } = Object.fromEntries(fields);
  if (type === "") throw invalidArgument(`type required form> "${text}"`);
  return { Type: type, Attrs };
}
