import { formatGoDuration } from "../base/units.ts";
import { type GoType, isFloat, isInteger, type Value } from "./types.ts";

/** A float as Go's `%g` prints it (shortest form; exponents below -4 and from 21 on). */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude < 1e-4 || magnitude >= 1e21)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Object.is(value, -0) ? "-0" : String(value);
}

/** How `fmt` prints values: `plain` is %v, `plus` is %+v. */
export interface FormatOptions {
  readonly plus: boolean;
}

const plain: FormatOptions = { plus: false };

function struct(type: Extract<GoType, { kind: "struct" }>, raw: unknown, options: FormatOptions): string {
  const fields = raw as Record<string, unknown>;
  const items = type.fields.map((field) => {
    const text = format(field.type, fields[field.name], options, 1);
    return options.plus ? `${field.name}:${text}` : text;
  });
  return `{${items.join(" ")}}`;
}

function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The keys of a map in the order in which Go visits them. */
export function sortedKeys(map: ReadonlyMap<string, unknown>): string[] {
  return [...map.keys()].sort(compareKeys);
}

function format(type: GoType, raw: unknown, options: FormatOptions, depth: number): string {
  switch (type.kind) {
    case "string":
      return String(raw);
    case "bool":
      return String(raw);
    case "interface":
      return raw === null || raw === undefined
        ? "<nil>"
        : format((raw as Value).type, (raw as Value).raw, options, depth);
    case "ptr": {
      if (raw === null || raw === undefined) return "<nil>";
      // Go prints an address here, a different one each time; only the form can be kept.
      if (depth > 0) return "0xc000000000";
      return `&${format(type.elem, raw, options, depth + 1)}`;
    }
    case "struct":
      if (type.text) return type.text(raw);
      return struct(type, raw, options);
    case "map": {
      const map = (raw ?? new Map()) as Map<string, unknown>;
      const items = sortedKeys(map).map(
        (key) => `${key}:${format(type.elem, map.get(key), options, depth + 1)}`,
      );
      return `map[${items.join(" ")}]`;
    }
    case "slice":
    case "array": {
      const items = ((raw ?? []) as unknown[]).map((item) => format(type.elem, item, options, depth + 1));
      return `[${items.join(" ")}]`;
    }
    default:
      if (isFloat(type)) return formatFloat(raw as number);
      if (isInteger(type) && type.name === "time.Duration") return formatGoDuration(raw as number);
      return String(raw);
  }
}

/** `fmt.Sprint` of one value (`%v`). */
export function formatValue(value: Value | undefined, options: FormatOptions = plain): string {
  return value === undefined ? "<nil>" : format(value.type, value.raw, options, 0);
}
