import { LineError } from "./errors.ts";
import type { KeyValue } from "./instruction.ts";
import { splitWords } from "./shell-words.ts";

/** The list that `text` is in JSON: `undefined` when it is no JSON array. Throws when an item is no string. */
export function jsonList(text: string): string[] | undefined {
  if (!text.trimStart().startsWith("[")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What only looks like JSON is a line for the shell (`[ -f x ] && y`), as in Docker.
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  return value.map((item) => {
    if (typeof item !== "string") {
      throw new LineError("when using JSON array syntax, arrays must be comprised of strings only");
    }
    return item;
  });
}

/** Words between spaces, quotes meaning nothing. */
export function plainWords(text: string): string[] {
  return text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");
}

/** A JSON array, or else words between spaces. */
export function listOrWords(text: string): string[] {
  return jsonList(text) ?? plainWords(text);
}

/** `a=b c=d`, or the old `a b c` where `b c` is the value of `a`. */
export function keyValues(keyword: string, text: string, escapeToken: string): KeyValue[] {
  const words = splitWords(text, escapeToken).words;
  const first = words[0];
  if (first === undefined) throw new Error(`${keyword} requires at least one argument`);
  if (!first.includes("=")) {
    const [, key = "", value] = /^(\S+)\s+(.*)$/s.exec(text.trim()) ?? [];
    if (value === undefined) throw new LineError(`${keyword} must have two arguments`);
    return [{ key, value, legacy: true }];
  }
  return words.map((word) => {
    const equals = word.indexOf("=");
    if (equals < 0) {
      throw new LineError(
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
      );
    }
    if (equals === 0) throw new Error(`${keyword} names can not be blank`);
    return { key: word.slice(0, equals), value: word.slice(equals + 1), legacy: false };
  });
}
