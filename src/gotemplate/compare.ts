import { TemplateError } from "./errors.ts";
import { formatValue } from "./format.ts";
import { isFloat, isInteger, type Value } from "./types.ts";

type Basic = "bool" | "string" | "int" | "float";

/** What a value is compared as; an interface is looked into. */
export function unwrap(value: Value | undefined): Value | undefined {
  let at = value;
  while (at && at.type.kind === "interface") at = (at.raw as Value | null) ?? undefined;
  return at;
}

function basic(value: Value): Basic | undefined {
  const { type } = value;
  if (type.kind === "bool" || type.kind === "string") return type.kind;
  if (isInteger(type)) return "int";
  return isFloat(type) ? "float" : undefined;
}

const bad = (): never => {
  throw new TemplateError("invalid type for comparison");
};
const incompatible = (): never => {
  throw new TemplateError("incompatible types for comparison");
};

/** The template function `eq` of one pair. Throws Go's errors for types that cannot be compared. */
export function equal(left: Value | undefined, right: Value | undefined): boolean {
  const a = unwrap(left);
  const b = unwrap(right);
  if (!a || !b) return a === b;
  const kinds = [basic(a), basic(b)];
  if (kinds[0] === undefined || kinds[1] === undefined) {
    if (kinds[0] !== kinds[1]) return incompatible();
    throw new TemplateError(`non-comparable type ${formatValue(a)}: ${a.type.name}`);
  }
  if (kinds[0] !== kinds[1]) return incompatible();
  return kinds[0] === "int" ? BigInt(a.raw as number) === BigInt(b.raw as number) : a.raw === b.raw;
}

/** The template function `lt`. */
export function less(left: Value | undefined, right: Value | undefined): boolean {
  const a = unwrap(left);
  const b = unwrap(right);
  const kind = a && basic(a);
  if (!a || !b || kind === undefined || basic(b) === undefined) return bad();
  if (kind !== basic(b)) return incompatible();
  if (kind === "bool") return bad();
  if (kind === "int") return BigInt(a.raw as number) < BigInt(b.raw as number);
  return (a.raw as string | number) < (b.raw as string | number);
}

/** Whether a value counts as true in `if`: not the zero of its kind, not empty, not nil. Structs always do. */
export function truth(value: Value | undefined): boolean {
  if (!value) return false;
  const { type, raw } = value;
  switch (type.kind) {
    case "struct":
      return true;
    case "slice":
    case "array":
      return raw !== null && (raw as unknown[]).length > 0;
    case "map":
      return raw !== null && (raw as Map<string, unknown>).size > 0;
    case "interface":
    case "ptr":
      return raw !== null && raw !== undefined;
    default:
      return Boolean(raw);
  }
}
