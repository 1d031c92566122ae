import { asField, type Field, type Infer, integerRange, type Schema, type Struct } from "./schema.ts";
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
      return encodeMap(schema.of, value as Record<string, unknown>, version);
    case "struct":
      return encodeStruct(schema, value as Record<string, unknown>, version);
    case "bigint":
      return rawJson(String(value));
    case "int":
      return Number.isSafeInteger(value) ? value : largeInteger(schema.go, value);
    default:
      return value;
  }
}

function encodeStruct(schema: Struct<unknown>, value: Record<string, unknown>, version: string): unknown {
  const result: Record<string, unknown> = {};
  for (const { name, field, always } of plannedFields(schema, version)) {
    const item = value[name];
    if (always || isGiven(field, item)) result[name] = encodeValue(field.of, item, version);
  }
  return result;
}

/** Go's encoder sorts the keys of maps. */
function encodeMap(of: Schema, value: Record<string, unknown>, version: string): unknown {
  const keys = Object.keys(value);
  if (keys.length > 1) keys.sort();
  return Object.fromEntries(keys.map((key) => [key, encodeValue(of, value[key], version)]));
}

/**
 * A number is printed with zeros that it does not have, and the largest of a type has been rounded up to one that is too
 * large: Go would refuse the whole answer.
 */
function largeInteger(go: string, value: unknown): unknown {
  if (typeof value !== "number" || !Number.isInteger(value)) return value;
  const { most } = integerRange(go);
  const exact = BigInt(value);
  return rawJson(String(exact > most ? most : exact));
}

/** Text that JSON.stringify writes as it is. (TC39 proposal-json-parse-with-source) */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}

/** A field that a version has. */
interface PlannedField {
  name: string;
  field: Field;
  /** It is shown whatever it holds. */
  always: boolean;
}

/** Lists have many values of few types: what does not depend on the value is found once. */
const plans = new WeakMap<Struct<unknown>, Map<string, PlannedField[]>>();

function plannedFields(schema: Struct<unknown>, version: string): PlannedField[] {
  const byVersion = plans.get(schema) ?? new Map<string, PlannedField[]>();
  plans.set(schema, byVersion);
  let plan = byVersion.get(version);
  if (!plan) {
    plan = Object.entries(schema.fields)
      .map(([name, entry]) => ({ name, field: asField(entry), always: false }))
      .filter(({ field }) => isInVersion(field, version))
      .map((planned) => ({ ...planned, always: isAlwaysShown(planned.field, version) }));
    byVersion.set(version, plan);
  }
  return plan;
}

function isInVersion({ since, until }: Field, version: string): boolean {
  return (
    (since === undefined || versionAtLeast(version, since)) &&
    (until === undefined || versionAtLeast(until, version))
  );
}

function isAlwaysShown({ optional, zeroUntil }: Field, version: string): boolean {
  return !optional || (zeroUntil !== undefined && versionAtLeast(zeroUntil, version));
}

const isGiven = (field: Field, item: unknown): boolean =>
  field.keepZero ? item !== undefined : !isEmpty(field.of, item);

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
