import type { NumberConstant } from "./nodes.ts";
import { unquote } from "./quote.ts";

const integer = /^[+-]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)$/;
const decimal = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/;

function parseInteger(text: string): bigint | undefined {
  if (!integer.test(text)) return undefined;
  const digits = text.replace(/^[+-]/, "").replace(/^0([0-7]+)$/, "0o$1");
  const value = BigInt(digits);
  return text.startsWith("-") ? -value : value;
}

/** A number literal of a template, as Go reads it; undefined when it is not one. */
export function parseNumber(literal: string): NumberConstant | undefined {
  const text = literal.replaceAll("_", "");
  const int = parseInteger(text);
  if (int !== undefined) return { int, float: Number(int), looksFloat: false };
  if (!decimal.test(text)) return undefined;
  const float = Number(text);
  return { int: Number.isInteger(float) ? BigInt(float) : undefined, float, looksFloat: true };
}

/** A character constant (`'a'`) as the number of its code point. */
export function parseChar(literal: string): NumberConstant | undefined {
  const code = unquote(literal)?.codePointAt(0);
  return code === undefined ? undefined : { int: BigInt(code), float: code, looksFloat: false };
}
