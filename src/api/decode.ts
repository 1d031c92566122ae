import { invalidArgument } from "../base/errors.ts";
import { jsonSyntaxError } from "./json-syntax.ts";
import { asField, type Field, type Infer, integerRange, type Schema, type Struct } from "./schema.ts";

/** Where in the JSON a value stands, for error texts: a field of a struct, within another one. */
interface Place {
  readonly struct: string;
  readonly name: string;
  readonly within: Place | undefined;
}
const root: Place = { struct: "", name: "", within: undefined };

/**
 * A value from parsed JSON, as Go's `encoding/json` decodes it: keys in any case (an exact match wins), unknown keys
 * ignored, `null` leaves the zero value. Throws `invalidArgument` with Go's text for a value of the wrong type.
 */
export function decode<S extends Schema>(schema: S, value: unknown): Infer<S> {
  return decodeAt(schema, value, root) as Infer<S>;
}

/** Parses `text` and decodes it; Go's error texts for bad syntax too. */
export function decodeText<S extends Schema>(schema: S, text: string): Infer<S> {
  return decode(schema, parseExactJson(text));
}

/** `JSON.parse` with Go's error texts. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalidArgument(jsonSyntaxError(text) ?? "unexpected end of JSON input", error);
  }
}

/** `parseJson`, but integers that a number does not hold exactly come as bigint. */
export function parseExactJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return parseJson(text);
  const reviver = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context?.source ?? 0)
      : value;
  try {
    return JSON.parse(text, reviver);
  } catch {
    // It says what is wrong.
    return parseJson(text);
  }
}

function decodeAt(schema: Schema, value: unknown, place: Place): unknown {
  if (value === null && schema.kind !== "any") return zeroOf(schema);
  switch (schema.kind) {
    case "any":
      return withNumbers(value);
    case "string":
      return typeof value === "string" ? value : wrongType(value, schema.go, place);
    case "bool":
      return typeof value === "boolean" ? value : wrongType(value, schema.go, place);
    case "int":
      return Number(decodeInt(schema.go, value, place));
    case "bigint":
      return BigInt(decodeInt(schema.go, value, place));
    case "strings":
      if (typeof value === "string") return [value];
      return Array.isArray(value)
        ? value.map((item) => (typeof item === "string" ? item : wrongType(item, "string", place)))
        : wrongType(value, schema.go, place);
    case "nullable":
      return decodeAt(schema.of, value, place);
    case "list":
      return Array.isArray(value)
        ? value.map((item) => decodeAt(schema.of, item, place))
        : wrongType(value, goType(schema), place);
    case "map":
      return decodeMap(schema, value, place);
    case "struct":
      return decodeStruct(schema, value, place);
  }
}

/** Any JSON, without the integers that `parseExactJson` keeps apart: those have meaning only where a schema says it. */
function withNumbers(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(withNumbers);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withNumbers(item)]));
}

function decodeInt(go: string, value: unknown, place: Place): number | bigint {
  if (typeof value !== "number" && typeof value !== "bigint") return wrongType(value, go, place);
  const { least, most } = integerRange(go);
  // One that a number does not hold may have been rounded up to the first that is too large.
  const isTooLarge = typeof value === "bigint" ? value > most : value > Number(most);
  if (!Number.isInteger(Number(value)) || value < least || isTooLarge) {
    throw typeError(`number ${value}`, go, place);
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decodeMap(schema: Schema & { kind: "map" }, value: unknown, place: Place): unknown {
  if (!isObject(value)) return wrongType(value, goType(schema), place);
  // fromEntries makes own properties: a key `__proto__` stays a key.
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, decodeAt(schema.of, item, place)]),
  );
}

interface Table {
  /** By the exact name. */
  fields: Map<string, Field>;
  /** From the lower-case form of a field's name to the name. */
  names: Map<string, string>;
  /** Those that are filled in when they are absent. */
  filled: [name: string, of: Schema][];
}
const tables = new WeakMap<Struct<unknown>, Table>();

function tableOf(schema: Struct<unknown>): Table {
  let table = tables.get(schema);
  if (!table) {
    const entries = Object.entries(schema.fields).map(([name, entry]) => [name, asField(entry)] as const);
    table = {
      fields: new Map(entries),
      names: new Map(entries.map(([name]) => [name.toLowerCase(), name])),
      filled: schema.complete
        ? entries.flatMap(([name, field]): Table["filled"] => (field.optional ? [] : [[name, field.of]]))
        : [],
    };
    tables.set(schema, table);
  }
  return table;
}

/** Most fields of a long list are such: nothing is made for them that only an error would need. */
function isDecoded(schema: Schema, value: unknown): boolean {
  switch (schema.kind) {
    case "string":
      return typeof value === "string";
    case "bool":
      return typeof value === "boolean";
    case "int":
      return schema.go === "int64" && Number.isSafeInteger(value);
    default:
      return false;
  }
}

function decodeStruct(schema: Struct<unknown>, value: unknown, place: Place): unknown {
  if (!isObject(value)) return wrongType(value, schema.name, place);
  const result: Record<string, unknown> = {};
  const { fields, names, filled } = tableOf(schema);
  for (const key of Object.keys(value)) {
    const exact = fields.get(key);
    const name = exact ? key : names.get(key.toLowerCase());
    // Of several keys that mean the same field the exact one wins, wherever it stands.
    if (name === undefined || (!exact && Object.hasOwn(value, name))) continue;
    const field = exact ?? fields.get(name);
    if (!field) continue;
    const item = value[key];
    if (isDecoded(field.of, item)) {
      result[name] = item;
      continue;
    }
    const decoded = decodeAt(field.of, item, { struct: schema.name, name, within: place });
    if (item !== null || field.of.kind === "nullable" || field.of.kind === "any") result[name] = decoded;
    else delete result[name];
  }
  for (const [name, of] of filled) if (result[name] === undefined) result[name] = zeroOf(of);
  return result;
}

/** The value that stands for "absent". Lists and maps are empty rather than null. */
function zeroOf(schema: Schema): unknown {
  switch (schema.kind) {
    case "string":
      return "";
    case "bool":
      return false;
    case "int":
      return 0;
    case "bigint":
      return 0n;
    case "any":
    case "nullable":
      return null;
    case "list":
    case "strings":
      return [];
    case "map":
      return {};
    case "struct":
      return decodeStruct(schema, {}, root);
  }
}

function goType(schema: Schema): string {
  switch (schema.kind) {
    case "list":
      return `[]${goType(schema.of)}`;
    case "map":
      return `map[string]${goType(schema.of)}`;
    case "nullable":
      return goType(schema.of);
    case "struct":
      return schema.name;
    default:
      return schema.go;
  }
}

function wrongType(value: unknown, go: string, place: Place): never {
  const found = Array.isArray(value)
    ? "array"
    : typeof value === "boolean"
      ? "bool"
      : typeof value === "object"
        ? "object"
        : typeof value;
  throw typeError(found, go, place);
}

function typeError(found: string, go: string, place: Place) {
  const path = namesTo(place);
  const struct = place.struct.slice(place.struct.indexOf(".") + 1);
  const where = path.length === 0 ? "Go value" : `Go struct field ${struct}.${path.join(".")}`;
  return invalidArgument(`json: cannot unmarshal ${found} into ${where} of type ${go}`);
}

function namesTo({ name, within }: Place): string[] {
  return within ? [...namesTo(within), name] : [];
}
