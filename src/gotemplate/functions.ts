import { queryEscape } from "../base/query-escape.ts";
import { equal, less, truth, unwrap } from "./compare.ts";
import { TemplateError } from "./errors.ts";
import { formatValue } from "./format.ts";
import { marshalJson } from "./json.ts";
import { sprintf } from "./printf.ts";
import {
  anyType,
  boolValue,
  type GoType,
  intType,
  intValue,
  isInteger,
  sliceOf,
  stringType,
  stringValue,
  type Value,
  zeroOf,
} from "./types.ts";

/** A function that a template may call. The arguments are checked against the types before the call. */
export interface TemplateFunction {
  readonly parameters: readonly GoType[];
  /** The type of further arguments; without it, the number of arguments is fixed. */
  readonly rest?: GoType;
  readonly call: (args: readonly (Value | undefined)[]) => Value | undefined;
}

export type FunctionTable = Readonly<Record<string, TemplateFunction>>;

const text = (value: Value | undefined): string => String(value?.raw ?? "");

function sprint(args: readonly (Value | undefined)[], newline: boolean): string {
  if (newline) return `${args.map((arg) => formatValue(arg)).join(" ")}\n`;
  let out = "";
  args.forEach((arg, index) => {
    const before = args[index - 1];
    const strings = unwrap(arg)?.type.kind === "string" || unwrap(before)?.type.kind === "string";
    out += index > 0 && !strings ? ` ${formatValue(arg)}` : formatValue(arg);
  });
  return out;
}

const fail = (message: string): never => {
  throw new TemplateError(message);
};

function indexOne(target: Value | undefined, index: Value | undefined): Value {
  let at = unwrap(target);
  if (!at) return fail("index of untyped nil");
  if (at.type.kind === "ptr") {
    if (at.raw === null) return fail("index of nil pointer");
    at = { type: at.type.elem, raw: at.raw };
  }
  const key = unwrap(index);
  switch (at.type.kind) {
    case "slice":
    case "array":
    case "string": {
      const items =
        at.type.kind === "string" ? [...Buffer.from(String(at.raw))] : ((at.raw ?? []) as unknown[]);
      if (!key) return fail("cannot index slice/array with nil");
      if (!isInteger(key.type)) return fail(`cannot index slice/array with type ${key.type.name}`);
      const position = Number(key.raw);
      if (position < 0 || position >= items.length) return fail(`index out of range: ${position}`);
      const elem: GoType = "elem" in at.type ? at.type.elem : { kind: "uint8", name: "uint8" };
      return { type: elem, raw: items[position] };
    }
    case "map": {
      if (!key) return fail(`value is nil; should be of type ${at.type.key.name}`);
      if (key.type.kind !== at.type.key.kind) {
        return fail(`value has type ${key.type.name}; should be ${at.type.key.name}`);
      }
      const map = (at.raw ?? new Map()) as Map<string, unknown>;
      const found = map.get(String(key.raw));
      return { type: at.type.elem, raw: found === undefined ? zeroOf(at.type.elem) : found };
    }
    default:
      return fail(`can't index item of type ${at.type.name}`);
  }
}

function slice(args: readonly (Value | undefined)[]): Value {
  const item = unwrap(args[0]);
  if (!item) return fail("slice of untyped nil");
  if (args.length > 4) return fail(`too many slice indexes: ${args.length - 1}`);
  if (!["slice", "array", "string"].includes(item.type.kind)) {
    return fail(`can't slice item of type ${item.type.name}`);
  }
  if (item.type.kind === "string" && args.length === 4) return fail("cannot 3-index slice a string");
  const bytes = item.type.kind === "string" ? Buffer.from(String(item.raw)) : ((item.raw ?? []) as unknown[]);
  const [from = 0, to = bytes.length] = args.slice(1).map((arg) => {
    const index = unwrap(arg);
    if (!index) return fail("cannot index slice/array with nil");
    if (!isInteger(index.type)) return fail(`cannot index slice/array with type ${index.type.name}`);
    const position = Number(index.raw);
    if (position < 0 || position > bytes.length) return fail(`index out of range: ${position}`);
    return position;
  });
  if (from > to) return fail(`invalid slice index: ${from} > ${to}`);
  const part = bytes.slice(from, to);
  return { type: item.type, raw: item.type.kind === "string" ? part.toString() : part };
}

function length(args: readonly (Value | undefined)[]): Value {
  let item = unwrap(args[0]);
  if (item?.type.kind === "ptr" && item.raw !== null) item = { type: item.type.elem, raw: item.raw };
  if (!item || (item.type.kind === "ptr" && item.raw === null)) return fail("len of nil pointer");
  switch (item.type.kind) {
    case "string":
      return intValue(Buffer.byteLength(String(item.raw)));
    case "slice":
    case "array":
      return intValue(((item.raw ?? []) as unknown[]).length);
    case "map":
      return intValue(((item.raw ?? new Map()) as Map<string, unknown>).size);
    default:
      return fail(`len of type ${item.type.name}`);
  }
}

const html: Record<string, string> = {
  "&": "&amp;",
  "'": "&#39;",
  '"': "&#34;",
  "<": "&lt;",
  ">": "&gt;",
  "\0": "\uFFFD",
};
const js: Record<string, string> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
};
const jsEscape = (char: string) =>
  js[char] ?? `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

const variadic = (call: TemplateFunction["call"]): TemplateFunction => ({
  parameters: [],
  rest: anyType,
  call,
});
const withFirst = (call: TemplateFunction["call"]): TemplateFunction => ({
  parameters: [anyType],
  rest: anyType,
  call,
});
const compares = (test: (a: Value | undefined, b: Value | undefined) => boolean): TemplateFunction => ({
  parameters: [anyType, anyType],
  call: ([a, b]) => boolValue(test(a, b)),
});

/** The functions that text/template brings along. `and` and `or` are part of the evaluation. */
const builtins: FunctionTable = {
  not: { parameters: [anyType], call: ([value]) => boolValue(!truth(unwrap(value))) },
  call: withFirst(([target]) => {
    if (!target) return fail("call of nil");
    return fail(`non-function of type ${target.type.name}`);
  }),
  html: variadic((args) => stringValue(sprint(args, false).replace(/[&'"<>\0]/g, (c) => html[c] ?? c))),
  js: variadic((args) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
    stringValue(sprint(args, false).replace(/[\\'"<>&=\u0000-\u001f]/g, jsEscape)),
  ),
  urlquery: variadic((args) => stringValue(queryEscape(sprint(args, false)))),
  index: withFirst(([target, ...keys]) =>
    keys.reduce<Value | undefined>((at, key) => indexOne(at, key), target),
  ),
  slice: withFirst(slice),
  len: { parameters: [anyType], call: length },
  print: variadic((args) => stringValue(sprint(args, false))),
  println: variadic((args) => stringValue(sprint(args, true))),
  printf: {
    parameters: [stringType],
    rest: anyType,
    call: ([pattern, ...args]) => stringValue(sprintf(text(pattern), args)),
  },
  eq: withFirst(([left, ...others]) => {
    if (others.length === 0) return fail("missing argument for comparison");
    return boolValue(others.some((other) => equal(left, other)));
  }),
  ne: compares((a, b) => !equal(a, b)),
  lt: compares(less),
  le: compares((a, b) => less(a, b) || equal(a, b)),
  gt: compares((a, b) => !less(a, b) && !equal(a, b)),
  ge: compares((a, b) => !less(a, b)),
};

const stringsType = sliceOf(stringType);
const ofString = (change: (input: string) => string): TemplateFunction => ({
  parameters: [stringType],
  call: ([value]) => stringValue(change(text(value))),
});
const titled = (input: string) => input.replace(/(^|[^\p{L}\p{N}_'])(\p{Ll})/gu, (all) => all.toUpperCase());

/** What Docker's `--format` adds to the functions of text/template. */
const dockers: FunctionTable = {
  json: { parameters: [anyType], call: ([value]) => stringValue(marshalJson(value)) },
  split: {
    parameters: [stringType, stringType],
    call: ([value, separator]) => ({ type: stringsType, raw: text(value).split(text(separator)) }),
  },
  join: {
    parameters: [stringsType, stringType],
    call: ([items, separator]) => stringValue(((items?.raw ?? []) as string[]).join(text(separator))),
  },
  title: ofString(titled),
  lower: ofString((input) => input.toLowerCase()),
  upper: ofString((input) => input.toUpperCase()),
  pad: {
    parameters: [stringType, intType, intType],
    call: ([value, before, after]) => {
      const input = text(value);
      if (input === "") return stringValue("");
      return stringValue(" ".repeat(Number(before?.raw)) + input + " ".repeat(Number(after?.raw)));
    },
  },
  truncate: {
    parameters: [stringType, intType],
    call: ([value, limit]) => stringValue(text(value).slice(0, Number(limit?.raw))),
  },
};

/** The functions of `--format`. */
export const formatFunctions: FunctionTable = { ...builtins, ...dockers };

const unchanged = ofString((input) => input);

/** The functions while the header of a table is made from the same template: names of columns stay as they are. */
export const headerFunctions: FunctionTable = {
  ...formatFunctions,
  json: unchanged,
  title: unchanged,
  lower: unchanged,
  upper: unchanged,
  truncate: { parameters: [stringType, intType], call: ([value]) => stringValue(text(value)) },
};
