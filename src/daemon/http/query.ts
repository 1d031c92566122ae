import { decode, parseJson } from "../../api/decode.ts";
import type { Filters, Param, Params } from "../../api/operation.ts";
import { any, bool, list, map, string } from "../../api/schema.ts";
import { versionAtLeast } from "../../api/version.ts";
import { invalidArgument } from "../../base/errors.ts";

/** The values of each name of a query string, percent-decoded. */
export function parseQuery(text: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  if (text === "") return values;
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    if (pair.includes(";")) throw invalidArgument("invalid semicolon separator in query");
    const equals = pair.indexOf("=");
    const name = unescaped(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? "" : unescaped(pair.slice(equals + 1));
    const before = values.get(name);
    if (before) before.push(value);
    else values.set(name, [value]);
  }
  return values;
}

function unescaped(text: string): string {
  const plain = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!plain.includes("%")) return plain;
  try {
    return decodeURIComponent(plain);
  } catch (error) {
    const wrong = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(plain)?.[0] ?? plain;
    throw invalidArgument(`invalid URL escape ${JSON.stringify(wrong)}`, error);
  }
}

/** The parameters that an operation declares, for a client of API `version`; others are ignored. */
export function decodeQuery(params: Params, text: string, version: string): Record<string, unknown> {
  const values = parseQuery(text);
  const result: Record<string, unknown> = {};
  for (const [name, param] of Object.entries(params)) {
    const known = param.since === undefined || versionAtLeast(version, param.since);
    const given = known ? values.get(name) : undefined;
    result[name] =
      given === undefined && !param.required ? defaultOf(param) : decodeParam(param, given ?? []);
  }
  return result;
}

function defaultOf(param: Param): unknown {
  // A fresh object each time: handlers may keep it.
  if (param.kind === "strings") return [];
  return param.kind === "filters" ? {} : param.byDefault;
}

function decodeParam(param: Param, given: readonly string[]): unknown {
  const first = given[0] ?? "";
  switch (param.kind) {
    case "string":
      return first;
    case "strings":
      return given.filter((value) => value !== "");
    case "bool":
      return boolOf(first);
    case "int":
      return first === "" && !param.required ? undefined : intOf(first);
    case "filters":
      return filtersOf(first);
    case "json":
      return first === "" ? undefined : decode(any, parseJson(first));
  }
}

const falsy = new Set(["", "0", "no", "false", "none"]);

function boolOf(text: string): boolean {
  return !falsy.has(text.trim().toLowerCase());
}

function intOf(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw invalidArgument(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const value = Number(text);
  if (Math.abs(value) > 2 ** 63) {
    throw invalidArgument(`strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return value;
}

const currentFilters = map(map(bool));
const oldFilters = map(list(string));

/** `{"label":{"a":true}}`, or the form before API 1.22: `{"label":["a"]}`. */
function filtersOf(text: string): Filters {
  if (text === "") return {};
  let parsed: unknown;
  try {
    parsed = parseJson(text);
    const sets = decode(currentFilters, parsed);
    return Object.fromEntries(Object.entries(sets).map(([key, set]) => [key, Object.keys(set)]));
  } catch (error) {
    try {
      return decode(oldFilters, parsed);
    } catch {
      throw invalidArgument("invalid filter", error);
    }
  }
}
