import { unwrap } from "./compare.ts";
import { TemplateError } from "./errors.ts";
import { type NumberConstant, nodeText, type Operand } from "./nodes.ts";
import {
  boolValue,
  floatType,
  type GoType,
  intType,
  isFloat,
  isInteger,
  isUnsigned,
  pointerTo,
  stringValue,
  type Value,
} from "./types.ts";

type Literal = Extract<Operand, { kind: "bool" | "string" | "number" }>;

/** The value of a constant where the type is open. Throws a TemplateError when a number does not fit. */
export function constantValue(node: Literal): Value {
  switch (node.kind) {
    case "bool":
      return boolValue(node.value);
    case "string":
      return stringValue(node.value);
    default:
      return node.value.looksFloat
        ? { type: floatType, raw: node.value.float }
        : idealInt(node.value, node.text);
  }
}

function idealInt({ int = 0n }: NumberConstant, text: string): Value {
  if (BigInt.asIntN(64, int) !== int) throw new TemplateError(`${text} overflows int`);
  return { type: intType, raw: Number.isSafeInteger(Number(int)) ? Number(int) : int };
}

/** What an argument of that type is called in errors. */
function kindName(type: GoType): string | undefined {
  if (isUnsigned(type)) return "unsigned integer";
  if (isInteger(type)) return "integer";
  if (isFloat(type)) return "float";
  return type.kind === "bool" || type.kind === "string" ? type.kind : undefined;
}

/** A constant as an argument of that type. Throws a TemplateError with Go's message. */
export function literalAs(node: Literal, type: GoType): Value {
  if (type.kind === "interface") return constantValue(node);
  if (type.kind === "bool" && node.kind === "bool") return { type, raw: node.value };
  if (type.kind === "string" && node.kind === "string") return { type, raw: node.value };
  if (node.kind === "number") {
    if (isFloat(type)) return { type, raw: node.value.float };
    if (isInteger(type) && node.value.int !== undefined) return { type, raw: Number(node.value.int) };
  }
  const what = kindName(type);
  if (what === undefined)
    throw new TemplateError(`can't handle ${nodeText(node)} for arg of type ${type.name}`);
  throw new TemplateError(`expected ${what}; found ${nodeText(node)}`);
}

/** True for the types that have a nil. */
export const hasNil = (type: GoType): boolean => ["interface", "ptr", "slice", "map"].includes(type.kind);

/**
 * A value as an argument of that type: itself, what it points to, or a pointer to it. Throws a TemplateError with Go's
 * message.
 */
export function argumentAs(value: Value | undefined, type: GoType): Value | undefined {
  const missing = () => new TemplateError(`invalid value; expected ${type.name}`);
  if (!value) {
    if (hasNil(type)) return undefined;
    throw missing();
  }
  if (type.kind === "interface") return value;
  const at = unwrap(value);
  if (!at) throw missing();
  if (at.type.name === type.name) return at;
  if (at.type.kind === "ptr" && at.type.elem.name === type.name) {
    if (at.raw === null) throw new TemplateError(`dereference of nil pointer of type ${type.name}`);
    return { type, raw: at.raw };
  }
  if (pointerTo(at.type).name === type.name) return { type, raw: at.raw };
  // A named type of the same kind is another type: Go refuses `lower` of a container.NetworkMode.
  throw new TemplateError(`wrong type for value; expected ${type.name}; got ${at.type.name}`);
}
