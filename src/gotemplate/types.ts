/**
 * Go's type system as far as text/template sees it. A template's result depends on Go types in three ways: error
 * texts name them, `fmt` prints by them, and `encoding/json` marshals by them. So a value is a pair of a type and a
 * plain JavaScript representation.
 */
export type IntKind =
  | "int"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64";

/** A field of a struct, in the order of its declaration. */
export interface GoField {
  readonly name: string;
  /** The key in JSON; undefined when JSON leaves the field out. */
  readonly key: string | undefined;
  readonly omitEmpty: boolean;
  readonly embedded: boolean;
  readonly type: GoType;
}

/** A method of a value: types of its parameters, and what it gives. An error that it throws ends the template. */
export interface GoMethod {
  readonly parameters: readonly GoType[];
  readonly call: (receiver: unknown, args: readonly unknown[]) => Value;
}

interface Named {
  /** As reflect's `Type.String()` prints it: `*container.State`, `map[string]string`. */
  readonly name: string;
}

export type GoType =
  | (Named & { readonly kind: "bool" | "string" | IntKind | "float32" | "float64" })
  | (Named & { readonly kind: "slice" | "array"; readonly elem: GoType })
  | (Named & { readonly kind: "ptr"; readonly elem: GoType })
  | (Named & {
      readonly kind: "map";
      readonly key: GoType;
      readonly elem: GoType;
      readonly methods?: Readonly<Record<string, GoMethod>>;
    })
  | (Named & { readonly kind: "interface" })
  | (Named & {
      readonly kind: "struct";
      readonly fields: readonly GoField[];
      readonly methods?: Readonly<Record<string, GoMethod>>;
      /** How `fmt` prints it when it has a String method. */
      readonly text?: (raw: unknown) => string;
      /** How JSON marshals it when it has a MarshalJSON method. */
      readonly json?: (raw: unknown) => string;
    });

export type StructType = Extract<GoType, { kind: "struct" }>;

/**
 * A value of a Go type. `raw` by kind: bool boolean, string string, numbers number or bigint, slice and array an
 * array of raw (null for a nil slice), map a Map from string to raw (null for nil), ptr the raw it points to (null for
 * nil), interface a Value (null for nil), struct an object from field name to raw, or, where it only has methods,
 * whatever these take.
 */
export interface Value {
  readonly type: GoType;
  readonly raw: unknown;
}

export const stringType: GoType = { kind: "string", name: "string" };
export const boolType: GoType = { kind: "bool", name: "bool" };
export const intType: GoType = { kind: "int", name: "int" };
export const floatType: GoType = { kind: "float64", name: "float64" };
export const anyType: GoType = { kind: "interface", name: "interface {}" };

export const sliceOf = (elem: GoType): GoType => ({ kind: "slice", name: `[]${elem.name}`, elem });
export const pointerTo = (elem: GoType): GoType => ({ kind: "ptr", name: `*${elem.name}`, elem });
export const mapOf = (elem: GoType, key: GoType = stringType): Extract<GoType, { kind: "map" }> => ({
  kind: "map",
  name: `map[${key.name}]${elem.name}`,
  key,
  elem,
});

export const stringValue = (raw: string): Value => ({ type: stringType, raw });
export const boolValue = (raw: boolean): Value => ({ type: boolType, raw });
export const intValue = (raw: number | bigint): Value => ({ type: intType, raw });

const intKinds = new Set<string>(["int", "int8", "int16", "int32", "int64"]);
const uintKinds = new Set<string>(["uint", "uint8", "uint16", "uint32", "uint64"]);
export const isSigned = (type: GoType): boolean => intKinds.has(type.kind);
export const isUnsigned = (type: GoType): boolean => uintKinds.has(type.kind);
export const isInteger = (type: GoType): boolean => isSigned(type) || isUnsigned(type);
export const isFloat = (type: GoType): boolean => type.kind === "float32" || type.kind === "float64";

const jsonNumberType: GoType = { kind: "string", name: "json.Number" };
const anyMapType = mapOf(anyType);
const anySliceType = sliceOf(anyType);

/** The value that `encoding/json` with UseNumber gives for a parsed JSON value; undefined for `null`. */
export function fromJson(json: unknown): Value | undefined {
  if (json === null || json === undefined) return undefined;
  if (typeof json === "string") return stringValue(json);
  if (typeof json === "boolean") return boolValue(json);
  if (typeof json === "number" || typeof json === "bigint")
    return { type: jsonNumberType, raw: String(json) };
  if (Array.isArray(json)) return { type: anySliceType, raw: json.map((item) => fromJson(item) ?? null) };
  const entries = Object.entries(json).map(([key, item]): [string, unknown] => [key, fromJson(item) ?? null]);
  return { type: anyMapType, raw: new Map(entries) };
}

/** Go's zero value of a type. */
export function zeroOf(type: GoType): unknown {
  switch (type.kind) {
    case "bool":
      return false;
    case "string":
      return "";
    case "slice":
    case "map":
    case "ptr":
    case "interface":
      return null;
    case "array":
      return [];
    case "struct":
      return Object.fromEntries(type.fields.map((field) => [field.name, zeroOf(field.type)]));
    default:
      return 0;
  }
}

/** Where a field is: through which embedded structs, by Go's rule that the shallowest wins. */
export function findField(type: StructType, name: string): GoField[] | undefined {
  let level: { path: GoField[]; type: StructType }[] = [{ path: [], type }];
  while (level.length > 0) {
    const next: typeof level = [];
    for (const { path, type: at } of level) {
      for (const field of at.fields) {
        if (field.name === name) return [...path, field];
        const inner = field.type.kind === "ptr" ? field.type.elem : field.type;
        if (field.embedded && inner.kind === "struct") next.push({ path: [...path, field], type: inner });
      }
    }
    level = next;
  }
  return undefined;
}
