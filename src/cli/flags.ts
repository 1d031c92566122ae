import { booleanOf } from "../base/booleans.ts";
import { messageOf } from "../base/errors.ts";

/** One flag of a command. T is the type of its value. */
export interface Flag<T = unknown> {
  readonly short?: string;
  /** As help shows it (`string`, `list`, `bytes`); `bool` shows nothing. */
  readonly type: string;
  readonly help: string;
  readonly initial: T;
  /** How help shows the value that it has by default; nothing when empty. */
  readonly initialText?: string;
  /** The value when the flag stands without one (`--rm`); undefined: it needs one. */
  readonly bare?: string;
  /** The new value; throws with the reason when `text` is not one. */
  parse(text: string, before: T): T;
  /** The least API version of a daemon that knows it. */
  readonly since?: string;
  /** Not in help. */
  readonly hidden?: boolean;
  /** An old name: it sets the value of this flag. */
  readonly aliasOf?: string;
  /** Only daemons on Windows know it. */
  readonly windows?: boolean;
  /** Said on standard error when it is used. */
  readonly deprecated?: string;
}

/** What all makers take besides the help text. */
export interface FlagOptions {
  readonly short?: string;
  readonly since?: string;
  readonly hidden?: boolean;
  readonly aliasOf?: string;
  readonly windows?: boolean;
  readonly deprecated?: string;
}

function parseBool(text: string): boolean {
  const value = booleanOf(text);
  if (value !== undefined) return value;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** Reads an integer as Go's strconv does: decimal, 0x…, 0o…, 0b…; `bits` wide. */
export function parseInteger(text: string, bits: number, unsigned = false): number {
  const name = unsigned ? "ParseUint" : "ParseInt";
  const fail = (why: string) => new Error(`strconv.${name}: parsing ${JSON.stringify(text)}: ${why}`);
  const sign = unsigned ? "" : "[+-]?";
  const match = new RegExp(`^(${sign})(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$`).exec(text);
  if (!match) throw fail("invalid syntax");
  const digits = (match[2] ?? "").replace(/^0([0-7]+)$/, "0o$1");
  const value = match[1] === "-" ? -BigInt(digits) : BigInt(digits);
  const fits = unsigned ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value);
  if (fits !== value) throw fail("value out of range");
  return Number(value);
}

function integer(type: string, bits: number, unsigned: boolean) {
  return (help: string, options: FlagOptions & { initial?: number } = {}): Flag<number> => {
    const { initial = 0, ...rest } = options;
    return {
      ...rest,
      type,
      help,
      initial,
      ...(initial === 0 ? {} : { initialText: String(initial) }),
      parse: (text) => parseInteger(text, bits, unsigned),
    };
  };
}

/** Makers of flags, by the type that help shows. */
export const flag = {
  bool: (help: string, options: FlagOptions & { initial?: boolean } = {}): Flag<boolean> => {
    const { initial = false, ...rest } = options;
    const shown = initial ? { initialText: "true" } : {};
    return { ...rest, ...shown, type: "bool", help, initial, bare: "true", parse: parseBool };
  },
  string: (help: string, options: FlagOptions & { initial?: string } = {}): Flag<string> => {
    const { initial = "", ...rest } = options;
    const shown = initial === "" ? {} : { initialText: JSON.stringify(initial) };
    return { ...rest, ...shown, type: "string", help, initial, parse: (text) => text };
  },
  int: integer("int", 64, false),
  uint: integer("uint", 64, true),
  uint16: integer("uint16", 16, true),
  /** May be given several times; each value is checked by `check`, which may give it another form. */
  list: (
    help: string,
    options: FlagOptions & { type?: string; initialText?: string; check?: (text: string) => string } = {},
  ): Flag<readonly string[]> => {
    const { type = "list", check = (text) => text, ...rest } = options;
    return { ...rest, type, help, initial: [], parse: (text, before) => [...before, check(text)] };
  },
  /** Any other: `type` as help shows it. */
  custom: <T>(
    type: string,
    help: string,
    initial: T,
    parse: (text: string, before: T) => T,
    options: FlagOptions & { initialText?: string } = {},
  ): Flag<T> => ({ ...options, type, help, initial, parse }),
};

export type FlagSet = Readonly<Record<string, Flag>>;
export type FlagValues<F> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** What a command line gave. */
export interface ParsedFlags {
  readonly values: Record<string, unknown>;
  readonly changed: ReadonlySet<string>;
  /** What is not a flag, in order. */
  readonly args: readonly string[];
  readonly helpAsked: boolean;
  /** Asked for by `-h`, which is an old way. */
  readonly shortHelp: boolean;
}

/** A command line that does not fit the flags; the message is pflag's. */
export class FlagError extends Error {}

/**
 * Reads flags as pflag does: `--name value`, `--name=value`, `-abc`, `-nvalue`, `-n=value`, `--` ends them. Without
 * `interspersed`, the first argument that is not a flag ends them too.
 */
export function parseFlags(flags: FlagSet, argv: readonly string[], interspersed: boolean): ParsedFlags {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(flags)) values[name] = spec.initial;
  const changed = new Set<string>();
  const args: string[] = [];
  let helpAsked = false;
  let shortHelp = false;

  const set = (name: string, text: string) => {
    const spec = flags[name] as Flag;
    const target = spec.aliasOf ?? name;
    try {
      values[target] = spec.parse(text, values[target]);
    } catch (error) {
      const shown = spec.short ? `-${spec.short}, --${name}` : `--${name}`;
      throw new FlagError(
        `invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${messageOf(error)}`,
      );
    }
    changed.add(name);
  };

  const long = (text: string, next: () => string | undefined) => {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name === "" || name.startsWith("-")) throw new FlagError(`bad flag syntax: --${text}`);
    const spec = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!spec && name === "help") {
      helpAsked = true;
      return;
    }
    if (!spec) throw new FlagError(`unknown flag: --${name}`);
    if (equals >= 0) return set(name, text.slice(equals + 1));
    if (spec.bare !== undefined) return set(name, spec.bare);
    const value = next();
    if (value === undefined) throw new FlagError(`flag needs an argument: --${name}`);
    set(name, value);
  };

  const short = (group: string, next: () => string | undefined) => {
    for (let rest = group; rest !== ""; ) {
      const letter = rest[0] ?? "";
      const name = Object.keys(flags).find((name) => flags[name]?.short === letter);
      if (name === undefined && letter === "h") {
        helpAsked = true;
        shortHelp = true;
        rest = rest.slice(1);
        continue;
      }
      if (name === undefined) {
        throw new FlagError(
          `unknown shorthand flag: ${JSON.stringify(letter).replaceAll('"', "'")} in -${rest}`,
        );
      }
      const spec = flags[name] as Flag;
      if (rest.length > 2 && rest[1] === "=") return set(name, rest.slice(2));
      if (spec.bare !== undefined) {
        set(name, spec.bare);
        rest = rest.slice(1);
        continue;
      }
      if (rest.length > 1) return set(name, rest.slice(1));
      const value = next();
      if (value === undefined) throw new FlagError(`flag needs an argument: '${letter}' in -${rest}`);
      return set(name, value);
    }
  };

  let index = 0;
  const next = () => argv[index++];
  while (index < argv.length) {
    const text = argv[index++] ?? "";
    if (text === "--") {
      args.push(...argv.slice(index));
      break;
    }
    if (!text.startsWith("-") || text === "-") {
      args.push(text);
      if (interspersed) continue;
      args.push(...argv.slice(index));
      break;
    }
    if (text.startsWith("--")) long(text.slice(2), next);
    else short(text.slice(1), next);
  }
  return { values, changed, args, helpAsked, shortHelp };
}
