import { parseCsvRecord } from "../base/csv.ts";
import { nearest } from "./suggest.ts";

/** `RUN --mount=type=…` (Dockerfile reference, "RUN --mount"); values are not expanded yet. */
export interface RunMount {
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
  /** Octal, as written. */
  mode: string | undefined;
  uid: string | undefined;
  gid: string | undefined;
  /** Bytes of a tmpfs at most, as written. */
  size: string | undefined;
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
const common = ["type", "target", "required"];
const keysOf: Readonly<Record<RunMount["type"], readonly string[]>> = {
  bind: [...common, "from", "source", "readonly", "readwrite"],
  cache: [...common, "id", "from", "source", "readonly", "readwrite", "sharing", "mode", "uid", "gid"],
  tmpfs: [...common, "size"],
  secret: [...common, "id", "source", "env", "mode", "uid", "gid"],
  ssh: [...common, "id", "mode", "uid", "gid"],
};

/** Parses the value of one `--mount`; variables stay as they are. Throws an `Error` that the parser completes. */
export function parseRunMount(text: string): RunMount {
  const values = new Map<string, string | undefined>();
  for (const field of parseCsvRecord(text)) {
    const equals = field.indexOf("=");
    const written = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    values.set(aliases[written] ?? written, equals < 0 ? undefined : field.slice(equals + 1));
  }
  const type = values.get("type") ?? "bind";
  if (!isOneOf(types, type)) throw new Error(`unsupported mount type "${type}"${meant(type, types)}`);
  checkKeys(type, values);
  const readonly = flag(values, "readonly") ?? !(flag(values, "readwrite") ?? type !== "bind");
  const sharing = values.get("sharing") ?? "shared";
  if (!isOneOf(sharings, sharing))
    throw new Error(`unsupported sharing value "${sharing}"${meant(sharing, sharings)}`);
  return {
    type,
    target: values.get("target"),
    from: values.get("from"),
    source: values.get("source"),
    readonly,
    id: values.get("id"),
    sharing,
    required: flag(values, "required") ?? false,
    env: values.get("env"),
    mode: values.get("mode"),
    uid: values.get("uid"),
    gid: values.get("gid"),
    size: values.get("size"),
  };
}

function checkKeys(type: RunMount["type"], values: ReadonlyMap<string, string | undefined>): void {
  for (const [key, value] of values) {
    if (!keysOf[type].includes(key)) {
      throw new Error(`unexpected key '${key}' for mount type '${type}'${meant(key, keysOf[type])}`);
    }
    if (value === undefined && !["readonly", "readwrite", "required"].includes(key)) {
      throw new Error(`invalid field '${key}' must be a key=value pair`);
    }
  }
}

function flag(values: ReadonlyMap<string, string | undefined>, key: string): boolean | undefined {
  if (!values.has(key)) return undefined;
  const value = (values.get(key) ?? "true").toLowerCase();
  if (/^(1|t|true)$/.test(value)) return true;
  if (/^(0|f|false)$/.test(value)) return false;
  throw new Error(`invalid value for ${key}: ${value}`);
}

function isOneOf<T extends string>(list: readonly T[], text: string): text is T {
  return (list as readonly string[]).includes(text);
}

function meant(text: string, list: readonly string[]): string {
  const word = nearest(text, list);
  return word === "" ? "" : ` (did you mean ${word}?)`;
}
