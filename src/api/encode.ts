import { asField, type Field, type Infer, type Schema } from "./schema.ts";
import { versionAtLeast } from "./version.ts";

/**
 * The JSON form of a value for a client of API `version`: fields in the schema's order, absent ones with Go's zero
 * value (a nil list or map is `null`), `optional` ones only where they hold something, and none that `version` lacks.
 */
export function encode<S extends Schema>(schema: S, value: Infer<S>, version: string): unknown {
  return encodeValue(schema, value, version);
}

/** `encode` as text, as Go's encoder writes it: a line feed at the end. */
export function encodeText<S extends Schema>(schema: S, value: Infer<S>, version: string): string {
  return `${JSON.stringify(encodeValue(schema, value, version))}\n`;
}

function encodeValue(schema: Schema, value: unknown, version: string): unknown {
  if (value === undefined || value === null) return absent(schema, version);
  switch (schema.kind) {
    case "nullable":
      return encodeValue(schema.of, value, version);
    case "list":
      return (value as unknown[]).map((item) => encodeValue(schema.of, item, version));
    case "map":
      return Object.fromEntries(
        // Go's encoder sorts the keys of maps.
        Object.entries(value as Record<string, unknown>)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, item]) => [key, encodeValue(schema.of, item, version)]),
      );
    case "struct": {
      const result: Record<string, unknown> = {};
      for (const [name, entry] of Object.entries(schema.fields)) {
        const field = asField(entry);
        const item = (value as Record<string, unknown>)[name];
        if (isShown(field, item, version)) result[name] = encodeValue(field.of, item, version);
      }
      return result;
    }
    case "bigint":
      return rawJson(String(value));
    default:
      return value;
  }
}

/** Text that JSON.stringify writes as it is. (TC39 proposal-json-parse-with-source) */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}

function isShown(field: Field, item: unknown, version: string): boolean {
  if (field.since !== undefined && !versionAtLeast(version, field.since)) return false;
  if (field.until !== undefined && !versionAtLeast(field.until, version)) return false;
  if (!field.optional) return true;
  if (field.zeroUntil !== undefined && versionAtLeast(field.zeroUntil, version)) return true;
  return field.keepZero ? item !== undefined : !isEmpty(field.of, item);
}

/** Go's notion of empty, for `omitempty`: what a pointer points to is never empty, and neither is a struct. */
function isEmpty(schema: Schema, item: unknown): boolean {
  if (item === undefined || item === null) return true;
  if (item === "" || item === 0 || item === 0n || item === false)
    return schema.kind !== "nullable" && schema.kind !== "any";
  if (Array.isArray(item)) return item.length === 0 && schema.kind !== "nullable";
  return schema.kind === "map" && Object.keys(item).length === 0;
}

function absent(schema: Schema, version: string): unknown {
  switch (schema.kind) {
    case "string":
      return "";
    case "bool":
      return false;
    case "int":
    case "bigint":
      return 0;
    case "struct":
      return encodeValue(schema, {}, version);
    default:
      return null;
  }
}
