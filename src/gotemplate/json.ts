import { sortedKeys } from "./format.ts";
import { type GoField, type GoType, isFloat, type StructType, type Value } from "./types.ts";

/** A JSON string as encoding/json writes it with SetEscapeHTML(false). */
export function jsonString(text: string): string {
  return JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

function isEmpty(type: GoType, raw: unknown): boolean {
  if (raw === null || raw === undefined || raw === false || raw === 0 || raw === "" || raw === 0n)
    return true;
  if (type.kind === "slice" || type.kind === "array") return (raw as unknown[]).length === 0;
  return type.kind === "map" && (raw as Map<string, unknown>).size === 0;
}

function* members(type: StructType, raw: unknown): Generator<[GoField, unknown]> {
  const fields = raw as Record<string, unknown>;
  for (const field of type.fields) {
    const value = fields[field.name];
    const inner = field.type.kind === "ptr" ? field.type.elem : field.type;
    if (field.embedded && inner.kind === "struct") {
      if (value !== null && value !== undefined) yield* members(inner, value);
    } else if (field.key !== undefined && !(field.omitEmpty && isEmpty(field.type, value))) {
      yield [field, value];
    }
  }
}

function marshal(type: GoType, raw: unknown): string {
  switch (type.kind) {
    case "string":
      return type.name === "json.Number" ? String(raw) || "0" : jsonString(String(raw));
    case "bool":
      return String(raw);
    case "interface": {
      const inner = raw as Value | null;
      return inner ? marshal(inner.type, inner.raw) : "null";
    }
    case "ptr":
      return raw === null || raw === undefined ? "null" : marshal(type.elem, raw);
    case "slice":
    case "array":
      if (raw === null || raw === undefined) return "null";
      return `[${(raw as unknown[]).map((item) => marshal(type.elem, item)).join(",")}]`;
    case "map": {
      if (raw === null || raw === undefined) return "null";
      const map = raw as Map<string, unknown>;
      return `{${sortedKeys(map)
        .map((key) => `${jsonString(key)}:${marshal(type.elem, map.get(key))}`)
        .join(",")}}`;
    }
    case "struct": {
      if (type.json) return type.json(raw);
      const items = [...members(type, raw)].map(
        ([field, value]) => `${jsonString(field.key ?? field.name)}:${marshal(field.type, value)}`,
      );
      return `{${items.join(",")}}`;
    }
    default:
      return isFloat(type) ? jsonFloat(raw as number) : String(raw);
  }
}

function jsonFloat(value: number): string {
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude < 1e-6 || magnitude >= 1e21)) return value.toExponential();
  return String(value);
}

/** `json.Marshal` of a value, without HTML escapes. */
export function marshalJson(value: Value | undefined): string {
  return value === undefined ? "null" : marshal(value.type, value.raw);
}
