import { decode } from "../../api/decode.ts";
import { any, bool, input, int64, list, map, type Schema, string } from "../../api/schema.ts";
import { parseBoolean } from "../../base/booleans.ts";
import { invalidArgument } from "../../base/errors.ts";
import { keyValue } from "../../base/key-value.ts";
import { parseBytes } from "../../base/units.ts";

/** One setting of the daemon: a flag, a key of daemon.json, or both. */
export interface Option<T = unknown> {
  /** Long flag without dashes; undefined for what only daemon.json has. */
  readonly flag: string | undefined;
  readonly short?: string;
  /** Key in daemon.json; undefined for what only flags have. */
  readonly key: string | undefined;
  /** What `--help` calls the value; "" for a switch. */
  readonly placeholder: string;
  readonly help: string;
  readonly initial: T;
  /** The setting after `text` was given (again); throws `invalidArgument`. */
  parse(text: string, before: T): T;
  /** From daemon.json. */
  readonly schema: Schema;
  fromFile(value: unknown): T;
  /** Throws `invalidArgument` when the value cannot be. */
  readonly check?: (value: T) => void;
  /** Both places may set it. */
  readonly mayRepeat?: boolean;
  readonly hidden?: boolean;
}

type Extra<T> = Partial<
  Pick<Option<T>, "short" | "key" | "check" | "mayRepeat" | "hidden" | "placeholder" | "initial">
>;

function option<T>(
  flag: string | undefined,
  help: string,
  base: Pick<Option<T>, "initial" | "placeholder" | "parse" | "schema"> & Partial<Option<T>>,
  extra: Extra<T> | undefined,
): Option<T> {
  return {
    flag,
    key: flag,
    help,
    fromFile: (value) => decode(base.schema, value) as T,
    ...base,
    ...extra,
  };
}

export const boolOption = (flag: string | undefined, help: string, extra?: Extra<boolean>): Option<boolean> =>
  option(
    flag,
    help,
    {
      initial: false,
      placeholder: "",
      schema: bool,
      parse: parseBoolean,
    },
    extra,
  );

export const stringOption = (flag: string | undefined, help: string, extra?: Extra<string>): Option<string> =>
  option(flag, help, { initial: "", placeholder: "string", schema: string, parse: (text) => text }, extra);

export const intOption = (flag: string | undefined, help: string, extra?: Extra<number>): Option<number> =>
  option(
    flag,
    help,
    {
      initial: 0,
      placeholder: "int",
      schema: int64,
      parse: (text) => {
        if (!/^[+-]?\d{1,18}$/.test(text)) {
          throw invalidArgument(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
        }
        return Number(text);
      },
    },
    extra,
  );

export const bytesOption = (flag: string, help: string, extra?: Extra<number>): Option<number> =>
  option(
    flag,
    help,
    {
      initial: 0,
      placeholder: "bytes",
      schema: stringOrNumber,
      parse: parseBytes,
      fromFile: (value) => (typeof value === "number" ? value : parseBytes(decode(string, value))),
    },
    extra,
  );
const stringOrNumber: Schema = { kind: "any", go: "opts.MemBytes" };

/** `check` looks at one item. */
export const listOption = (
  flag: string | undefined,
  help: string,
  extra?: Omit<Extra<string[]>, "check"> & { checkItem?: (item: string) => void },
): Option<string[]> => {
  const { checkItem, ...rest } = extra ?? {};
  return option(
    flag,
    help,
    {
      initial: [],
      placeholder: "list",
      schema: list(string),
      parse: (text, before) => {
        checkItem?.(text);
        return [...before, text];
      },
      ...(checkItem && { check: (value: string[]) => value.forEach(checkItem) }),
    },
    rest,
  );
};

export const mapOption = (
  flag: string | undefined,
  help: string,
  extra?: Extra<Record<string, string>>,
): Option<Record<string, string>> =>
  option(
    flag,
    help,
    {
      initial: {},
      placeholder: "map",
      schema: map(string),
      parse: (text, before) => {
        const [key, value] = keyValue(text);
        return { ...before, [key]: value };
      },
    },
    extra,
  );

/** A setting whose value has a form of its own. */
export function ownOption<T>(
  flag: string | undefined,
  help: string,
  placeholder: string,
  initial: T,
  schema: Schema<T>,
  parse: (text: string, before: T) => T,
  extra?: Extra<T>,
): Option<T> {
  return option(flag, help, { initial, placeholder, schema, parse }, extra);
}

function isIp(text: string): boolean {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (parts) return parts.slice(1).every((part) => Number(part) <= 255);
  return text.includes(":") && URL.canParse(`http://[${text}]`);
}

export function checkIp(text: string): void {
  if (!isIp(text)) throw invalidArgument(`${text} is not an ip address`);
}

export function checkLabel(text: string): void {
  if (!/^[^=]+=/.test(text)) throw invalidArgument(`bad attribute format: ${text}`);
}

/** A runtime as daemon.json names it. */
export const RuntimeConfig = input("system.Runtime", () => ({
  path: string,
  runtimeArgs: list(string),
  runtimeType: string,
  options: any,
}));
/** A pool from which networks take their subnets; `size` is the prefix length of each. */
export const AddressPool = input("ipamutils.NetworkToSplit", () => ({ base: string, size: int64 }));
