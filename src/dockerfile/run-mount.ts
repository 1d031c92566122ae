import { parseCsvRecord } from "../base/csv.ts";
import { parseBytes } from "../base/units.ts";
import { LineError } from "./errors.ts";
import { withSuggestion } from "./suggest.ts";

/** `RUN --mount=type=…` (Dockerfile reference, "RUN --mount"). */
export interface RunMount {
  /** As it is written: `parseRunMount` reads it again when the values of its variables are known. */
  text: string;
  type: "bind" | "cache" | "tmpfs" | "secret" | "ssh";
  /** Where it is in the container; absent where a secret goes into a variable or to its default place. */
  target: string | undefined;
  /** What a bind or cache is made of: a stage, an image, a context. */
  from: string | undefined;
  source: string | undefined;
  readonly: boolean;
  /** The name of a cache, a secret or an agent. */
  id: string | undefined;
  sharing: "shared" | "private" | "locked";
  required: boolean;
  /** The variable that a secret is handed over in. */
  env: string | undefined;
  mode: number | undefined;
  uid: number | undefined;
  gid: number | undefined;
  /** Bytes of a tmpfs at most. */
  size: number | undefined;
}

const types = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const sharings = ["shared", "private", "locked"] as const;
const aliases: Readonly<Record<string, string>> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
  rw: "readwrite",
};
const keys = [
  ...["type", "from", "source", "target", "readonly", "readwrite", "id", "sharing", "required"],
  ...["env", "mode", "uid", "gid", "size", ...Object.keys(aliases)],
];
/** Keys that may stand without a value. */
const switches = ["readonly", "readwrite", "required"];

/**
 * Parses the value of one `--mount`. Without `expand` values with variables stay as they are, and are not looked at.
 * Throws a `LineError`, in BuildKit's words.
 */
export function parseRunMount(text: string, expand?: (word: string) => string): RunMount {
  const values = readValues(text, expand);
  const value = (key: string) => values.get(key);
  const type = oneOf(types, value("type"), "mount type") ?? "bind";
  const sharing = oneOf(sharings, value("sharing"), "sharing value");
  const mount: RunMount = {
    text,
    type,
    target: value("target"),
    from: value("from"),
    source: value("source"),
    readonly:
      flag(values, "readonly") ?? !(flag(values, "readwrite") ?? (type === "cache" || type === "tmpfs")),
    id: value("id"),
    sharing: sharing ?? "shared",
    required: flag(values, "required") ?? false,
    env: value("env"),
    mode: number(values, "mode", 8),
    uid: number(values, "uid", 10),
    gid: number(values, "gid", 10),
    size: size(value("size")),
  };
  if (!hasVariable(value("type"))) check(mount, values);
  return mount;
}

function readValues(text: string, expand: ((word: string) => string) | undefined): Map<string, string> {
  const values = new Map<string, string>();
  for (const field of parseCsvRecord(text)) {
    const equals = field.indexOf("=");
    const written = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const key = aliases[written] ?? written;
    if (equals < 0 && !switches.includes(key)) {
      throw new LineError(`invalid field '${field}' must be a key=value pair`);
    }
    if (!keys.includes(key)) {
      throw new LineError(withSuggestion(`unexpected key '${written}' in '${field}'`, written, keys));
    }
    const value = equals < 0 ? "true" : field.slice(equals + 1);
    if (key === "from" && /\$./.test(value)) {
      throw new LineError("'from' doesn't support variable expansion, define alias stage instead");
    }
    values.set(key, expand?.(value) ?? value);
  }
  return values;
}

/** What goes with which type. */
function check({ type, source, target, id, from }: RunMount, values: ReadonlyMap<string, string>): void {
  const notFor = (key: string) => new LineError(`unexpected key '${key}' for mount type '${type}'`);
  if (values.has("required") && type !== "secret" && type !== "ssh") throw notFor("required");
  if (values.has("size") && type !== "tmpfs") throw notFor("size");
  if (values.has("env") && type !== "secret") throw notFor("env");
  for (const key of ["mode", "uid", "gid"]) {
    if (values.has(key) && (type === "bind" || type === "tmpfs")) {
      throw new LineError(`${key} not allowed for "${type}" type mounts`);
    }
  }
  if (type === "secret") {
    if (from) throw new LineError("secret mount should not have a from");
    if (values.has("sharing")) throw new LineError("secret mount should not define sharing");
    if (!source && !target && !id) {
      throw new LineError("invalid secret mount. one of source, target required");
    }
    if (source && id) throw new LineError("both source and id can't be set");
  }
  if (values.has("sharing") && type !== "cache") {
    throw new LineError(`invalid cache sharing set for ${type} mount`);
  }
}

const hasVariable = (value: string | undefined) => value?.includes("$") === true;

function oneOf<T extends string>(list: readonly T[], value: string | undefined, what: string): T | undefined {
  if (value === undefined || hasVariable(value)) return undefined;
  const found = list.find((item) => item === value.toLowerCase());
  if (found !== undefined) return found;
  throw new LineError(withSuggestion(`unsupported ${what} ${JSON.stringify(value)}`, value, list));
}

function flag(values: ReadonlyMap<string, string>, key: string): boolean | undefined {
  const value = values.get(key);
  if (value === undefined || hasVariable(value)) return undefined;
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new LineError(`invalid value for ${key}: ${value}`);
}

function number(values: ReadonlyMap<string, string>, key: string, base: 8 | 10): number | undefined {
  const value = values.get(key);
  if (value === undefined || hasVariable(value)) return undefined;
  const found = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(value) ? Number.parseInt(value, base) : Number.NaN;
  if (!(found < 2 ** 32)) throw new LineError(`invalid value ${value} for ${key}`);
  return found;
}

function size(value: string | undefined): number | undefined {
  if (value === undefined || hasVariable(value)) return undefined;
  try {
    return parseBytes(value);
  } catch {
    // Its words are those of a flag.
    throw new LineError(`invalid value for size: ${value}`);
  }
}
