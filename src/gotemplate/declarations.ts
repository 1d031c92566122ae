import {
  anyType,
  fromJson,
  type GoField,
  type GoType,
  mapOf,
  pointerTo,
  type StructType,
  sliceOf,
  type Value,
  zeroOf,
} from "./types.ts";

/**
 * Go types, written as text, one declaration a line or block:
 *
 *     nat.Port string
 *     container.State {
 *       Status string
 *       Health *container.Health ?      left out of JSON when empty
 *       ID string Id                    its key in JSON
 *       @container.Resources            embedded
 *       ExtraFields map[string]any -    not in JSON
 *     }
 *
 * A type is declared before it is used.
 */
export function parseDeclarations(text: string): ReadonlyMap<string, GoType> {
  const types = new Map<string, GoType>();
  const lines = text.split("\n").map((line) => line.trim());
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    if (line === "") continue;
    const space = line.indexOf(" ");
    const name = line.slice(0, space);
    if (!line.endsWith("{")) {
      types.set(name, { ...parseType(line.slice(space + 1), types), name });
      continue;
    }
    const fields: GoField[] = [];
    for (at++; lines[at] !== "}"; at++) fields.push(parseField(lines[at] ?? "", types));
    types.set(name, { kind: "struct", name, fields });
  }
  return types;
}

const basics: Record<string, GoType> = {
  any: anyType,
  "struct{}": { kind: "struct", name: "struct {}", fields: [] },
};
for (const kind of ["bool", "string", "float32", "float64"] as const) basics[kind] = { kind, name: kind };
for (const kind of ["int", "int8", "int16", "int32", "int64"] as const) basics[kind] = { kind, name: kind };
for (const kind of ["uint", "uint8", "uint16", "uint32", "uint64"] as const)
  basics[kind] = { kind, name: kind };

/** `time.Time.String()` of an RFC 3339 time. */
export function timeText(raw: unknown): string {
  const match = /^(\d+-\d+-\d+)T(\d+:\d+:\d+)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(String(raw));
  if (!match) return String(raw);
  const fraction = (match[3] ?? "").replace(/\.?0+$/, "");
  const zone =
    match[4] === "Z"
      ? "+0000 UTC"
      : Array(2)
          .fill((match[4] ?? "").replace(":", ""))
          .join(" ");
  return `${match[1]} ${match[2]}${fraction} ${zone}`;
}

const timeType: StructType = {
  kind: "struct",
  name: "time.Time",
  fields: [],
  text: (raw) => timeText(raw),
  json: (raw) => JSON.stringify(raw),
};
basics["time.Time"] = timeType;
const zeroTime = "0001-01-01T00:00:00Z";

function parseType(text: string, known: ReadonlyMap<string, GoType>): GoType {
  if (text.startsWith("*")) return pointerTo(parseType(text.slice(1), known));
  if (text.startsWith("[]")) return sliceOf(parseType(text.slice(2), known));
  const array = /^\[(\d+)\](.+)$/.exec(text);
  if (array) {
    const elem = parseType(array[2] ?? "", known);
    return { kind: "array", name: `[${array[1]}]${elem.name}`, elem };
  }
  const map = /^map\[([^\]]+)\](.+)$/.exec(text);
  if (map) return mapOf(parseType(map[2] ?? "", known), parseType(map[1] ?? "", known));
  if (text.startsWith("{")) {
    const fields = text
      .slice(1, -1)
      .split(";")
      .map((field) => parseField(field.trim(), known));
    return {
      kind: "struct",
      name: `struct { ${fields.map((f) => `${f.name} ${f.type.name}`).join("; ")} }`,
      fields,
    };
  }
  const type = basics[text] ?? known.get(text);
  if (!type) throw new Error(`type ${text} is not declared`);
  return type;
}

function parseField(line: string, known: ReadonlyMap<string, GoType>): GoField {
  const omitEmpty = line.endsWith(" ?");
  const rest = omitEmpty ? line.slice(0, -2) : line;
  if (rest.startsWith("@")) {
    const type = parseType(rest.slice(1), known);
    const inner = type.kind === "ptr" ? type.elem : type;
    const name = inner.name.slice(inner.name.lastIndexOf(".") + 1);
    return { name, key: name, omitEmpty, embedded: true, type };
  }
  const structured = /^(\S+) (\{.*\})(?: (\S+))?$/.exec(rest);
  const [name = "", type = "", key = name] = structured ? structured.slice(1) : rest.split(" ");
  return {
    name,
    key: key === "-" ? undefined : key,
    omitEmpty,
    embedded: false,
    type: parseType(type, known),
  };
}

/** Reads a parsed JSON value as `type`, as encoding/json does: keys in any case, unknown ones ignored. */
export function decodeAs(type: GoType, json: unknown): unknown {
  if (type === timeType) return typeof json === "string" ? json : zeroTime;
  if (json === null || json === undefined) return zero(type);
  switch (type.kind) {
    case "interface":
      return fromJson(json) ?? null;
    case "ptr":
      return decodeAs(type.elem, json);
    case "slice":
    case "array":
      return Array.isArray(json) ? json.map((item) => decodeAs(type.elem, item)) : zero(type);
    case "map":
      return typeof json === "object"
        ? new Map(Object.entries(json).map(([key, item]) => [key, decodeAs(type.elem, item)]))
        : null;
    case "struct":
      return decodeStruct(type, json);
    default:
      return json;
  }
}

function zero(type: GoType): unknown {
  if (type === timeType) return zeroTime;
  return type.kind === "struct" ? decodeStruct(type, {}) : zeroOf(type);
}

function decodeStruct(type: StructType, json: unknown): Record<string, unknown> {
  const given = new Map(Object.entries(json as object).map(([key, item]) => [key.toLowerCase(), item]));
  return Object.fromEntries(
    type.fields.map((field) => {
      if (field.embedded) return [field.name, decodeAs(field.type, json)];
      return [field.name, decodeAs(field.type, field.key && given.get(field.key.toLowerCase()))];
    }),
  );
}

/** A JSON value as one of the declared types. */
export function typedValue(types: ReadonlyMap<string, GoType>, name: string, json: unknown): Value {
  const type = types.get(name);
  if (!type) throw new Error(`type ${name} is not declared`);
  return { type, raw: decodeAs(type, json) };
}
