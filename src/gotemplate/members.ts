import { TemplateError } from "./errors.ts";
import { formatValue, sortedKeys } from "./format.ts";
import { quote } from "./quote.ts";
import { findField, type GoField, type GoMethod, intValue, isInteger, type Value } from "./types.ts";

type Maybe = Value | undefined;

/** What a name means for a value: a method, or something to read in a struct, a map, or nothing. */
export type Member =
  | { readonly method: GoMethod; readonly raw: unknown }
  | { readonly of: "struct" | "map" | undefined; readonly read: () => Maybe };

/** Looks a name up as text/template does: methods, then fields, then keys. Throws a TemplateError with Go's message. */
export function member(receiver: Maybe, name: string, missingKey: "noValue" | "error"): Member {
  if (!receiver) {
    if (missingKey === "error") throw new TemplateError(`nil data; no entry for key ${quote(name)}`);
    return { of: undefined, read: () => undefined };
  }
  const typeName = receiver.type.name;
  let at = receiver;
  while (at.type.kind === "interface" || at.type.kind === "ptr") {
    if (at.raw === null || at.raw === undefined) throw nilError(at, typeName, name);
    at = at.type.kind === "ptr" ? { type: at.type.elem, raw: at.raw } : (at.raw as Value);
  }
  const methods = "methods" in at.type ? at.type.methods : undefined;
  const method = methods && Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method) return { method, raw: at.raw };
  const whole = at;
  if (whole.type.kind === "struct") {
    const path = findField(whole.type, name);
    if (path) return { of: "struct", read: () => readField(whole, path) };
  } else if (whole.type.kind === "map" && whole.type.key.kind === "string") {
    return { of: "map", read: () => readKey(whole, name, missingKey) };
  }
  throw new TemplateError(`can't evaluate field ${name} in type ${typeName}`);
}

function nilError(at: Value, typeName: string, name: string): TemplateError {
  const inner = at.type.kind === "ptr" && at.type.elem.kind === "struct" ? at.type.elem : undefined;
  if (inner && !findField(inner, name)) {
    return new TemplateError(`can't evaluate field ${name} in type ${typeName}`);
  }
  return new TemplateError(`nil pointer evaluating ${typeName}.${name}`);
}

function readKey({ type, raw }: Value, key: string, missingKey: "noValue" | "error"): Maybe {
  const map = (raw ?? new Map()) as Map<string, unknown>;
  if (map.has(key) && type.kind === "map") return { type: type.elem, raw: map.get(key) };
  if (missingKey === "error") throw new TemplateError(`map has no entry for key ${quote(key)}`);
  return undefined;
}

function readField(from: Value, path: readonly GoField[]): Value {
  let at = from;
  for (const field of path) {
    if (at.type.kind === "ptr") {
      if (at.raw === null)
        throw new TemplateError("reflect: indirection through nil pointer to embedded struct");
      at = { type: at.type.elem, raw: at.raw };
    }
    at = { type: field.type, raw: (at.raw as Record<string, unknown>)[field.name] };
  }
  return at;
}

/** The pairs of key and item that `range` goes over. Throws a TemplateError for what has none. */
export function itemsOf(value: Maybe): [Value, Value][] {
  let at = value;
  if (at?.type.kind === "ptr" && at.raw !== null) at = { type: at.type.elem, raw: at.raw };
  if (!at) return [];
  const { type, raw } = at;
  if (type.kind === "slice" || type.kind === "array") {
    return ((raw ?? []) as unknown[]).map((item, index) => [intValue(index), { type: type.elem, raw: item }]);
  }
  if (type.kind === "map") {
    const map = (raw ?? new Map()) as Map<string, unknown>;
    return sortedKeys(map).map((key) => [
      { type: type.key, raw: key },
      { type: type.elem, raw: map.get(key) },
    ]);
  }
  if (isInteger(type)) {
    return Array.from({ length: Math.max(0, Number(raw)) }, (_, index) => [
      { type, raw: index },
      { type, raw: index },
    ]);
  }
  throw new TemplateError(`range can't iterate over ${formatValue(at)}`);
}
