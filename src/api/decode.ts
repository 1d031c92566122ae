import { invalidArgument } from "../base/errors.ts";
import { jsonSyntaxError } from "./json-syntax.ts";
import { asField, type Infer, integerRange, type Schema, type Struct } from "./schema.ts";

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
 * `value` is taken over: objects that are right already, as nearly all are, become part of the result.
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
      return decodeList(schema, value, place);
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

function decodeList(schema: Schema & { kind: "list" }, value: unknown, place: Place): unknown {
  if (!Array.isArray(value)) return wrongType(value, goType(schema), place);
  for (let at = 0; at < value.length; at++) value[at] = decodeAt(schema.of, value[at], place);
  return value;
}

function decodeMap(schema: Schema & { kind: "map" }, value: unknown, place: Place): unknown {
  if (!isObject(value)) return wrongType(value, goType(schema), place);
  // A key `__proto__` of parsed JSON is a property of its own, and stays one.
  for (const key of Object.keys(value)) value[key] = decodeAt(schema.of, value[key], place);
  return value;
}

/** What decoding asks of a field, worked out once. */
interface TableField {
  readonly name: string;
  readonly of: Schema;
  /** Gets its zero value when it is absent. */
  readonly isFilled: boolean;
  /** `null` is a value of its own. */
  readonly keepsNull: boolean;
  /** What `typeof` says of a value that needs no decoding. */
  readonly plain: "string" | "boolean" | "number" | undefined;
}

interface Table {
  readonly fields: readonly TableField[];
  /** By the exact name. */
  readonly exact: ReadonlyMap<string, TableField>;
  /** From the lower-case form of a field's name to the name. */
  readonly names: ReadonlyMap<string, string>;
}
const tables = new WeakMap<Struct<unknown>, Table>();

function tableOf(schema: Struct<unknown>): Table {
  let table = tables.get(schema);
  if (!table) {
    const fields = Object.entries(schema.fields).map(([name, entry]): TableField => {
      const { of, optional } = asField(entry);
      const keepsNull = of.kind === "nullable" || of.kind === "any";
      return { name, of, isFilled: schema.complete && !optional, keepsNull, plain: plainType(of) };
    });
    table = {
      fields,
      exact: new Map(fields.map((field) => [field.name, field])),
      names: new Map(fields.map(({ name }) => [name.toLowerCase(), name])),
    };
    tables.set(schema, table);
  }
  return table;
}

function plainType(schema: Schema): TableField["plain"] {
  if (schema.kind === "string") return "string";
  if (schema.kind === "bool") return "boolean";
  // All that a number holds exactly fits into 64 bits with a sign.
  return schema.kind === "int" && (schema.go === "int64" || schema.go === "int") ? "number" : undefined;
}

function decodeStruct(schema: Struct<unknown>, value: unknown, place: Place): unknown {
  if (!isObject(value)) return wrongType(value, schema.name, place);
  const { fields } = tableOf(schema);
  const given = Object.keys(value).length;
  let known = 0;
  let isFull = true;
  // A loop over indices: this runs for each field of each row of a list, most of the time before it is compiled.
  for (let at = 0; at < fields.length; at++) {
    const { name, of, keepsNull, plain } = fields[at] as TableField;
    const item = value[name];
    if (item === undefined && !Object.hasOwn(value, name)) {
      isFull = false;
      continue;
    }
    known++;
    if (typeof item === plain && (plain !== "number" || Number.isSafeInteger(item))) continue;
    if (item !== null) value[name] = decodeAt(of, item, { struct: schema.name, name, within: place });
    else if (!keepsNull) {
      isFull = false;
      delete value[name];
    }
  }
  if (known === given) return isFull ? value : filled(fields, value);
  return filled(fields, rebuilt(schema, value, place));
}

function filled(fields: readonly TableField[], value: Record<string, unknown>): Record<string, unknown> {
  for (const { name, of, isFilled } of fields) {
    if (isFilled && !Object.hasOwn(value, name)) value[name] = zeroOf(of);
  }
  return value;
}

/** The fields of an object that has others too, or some whose names are written otherwise. */
function rebuilt(
  schema: Struct<unknown>,
  value: Readonly<Record<string, unknown>>,
  place: Place,
): Record<string, unknown> {
  const { exact, names } = tableOf(schema);
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const name = exact.has(key) ? key : names.get(key.toLowerCase());
    // Of several keys that mean the same field the exact one wins, wherever it stands.
    if (name === undefined || (name !== key && Object.hasOwn(value, name))) continue;
    const field = exact.get(name);
    if (!field) continue;
    if (item === null && !field.keepsNull) delete result[name];
    else result[name] = decodeAt(field.of, item, { struct: schema.name, name, within: place });
  }
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
