import { invalidArgument, messageOf } from "../base/errors.ts";

/** A JSON object that came from outside. */
export type JsonObject = Record<string, unknown>;

/** Deeper than any document of this format, and far from what overflows a stack. */
const maxDepth = 64;

/**
 * Parses `bytes` (UTF-8) as a JSON object of at most `limit` bytes, named `what` in errors (`invalidArgument`).
 * Nesting is bounded too.
 */
export function parseJsonObject(bytes: Uint8Array, what: string, limit: number): JsonObject {
  if (bytes.byteLength > limit) {
    throw invalidArgument(`invalid ${what}: ${bytes.byteLength} bytes, more than the limit of ${limit}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidArgument(`invalid ${what}: ${messageOf(error)}`, error);
  }
  if (!isObject(value)) throw invalidArgument(`invalid ${what}: not a JSON object`);
  checkDepth(value, what, 0);
  return value;
}

function checkDepth(value: unknown, what: string, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth > maxDepth) throw invalidArgument(`invalid ${what}: nested too deeply`);
  for (const child of Object.values(value)) checkDepth(child, what, depth + 1);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads the fields of one object, with errors that name document and field. `null` counts as absent, as in Go. */
export class Fields {
  readonly #object: JsonObject;
  readonly #what: string;

  constructor(object: JsonObject, what: string) {
    this.#object = object;
    this.#what = what;
  }

  #wrong(key: string, expected: string): never {
    throw invalidArgument(`invalid ${this.#what}: ${key} is not ${expected}`);
  }

  #read(key: string): unknown {
    return Object.hasOwn(this.#object, key) ? (this.#object[key] ?? undefined) : undefined;
  }

  string(key: string): string | undefined {
    const value = this.#read(key);
    return value === undefined || typeof value === "string" ? value : this.#wrong(key, "a string");
  }

  requiredString(key: string): string {
    return this.string(key) ?? this.#wrong(key, "there");
  }

  boolean(key: string): boolean | undefined {
    const value = this.#read(key);
    return value === undefined || typeof value === "boolean" ? value : this.#wrong(key, "a boolean");
  }

  /** A whole number that JavaScript holds exactly. */
  integer(key: string): number | undefined {
    const value = this.#read(key);
    if (value === undefined) return undefined;
    return typeof value === "number" && Number.isSafeInteger(value) ? value : this.#wrong(key, "an integer");
  }

  strings(key: string): string[] | undefined {
    const value = this.#read(key);
    if (value === undefined) return undefined;
    const good = Array.isArray(value) && value.every((item) => typeof item === "string");
    return good ? (value as string[]) : this.#wrong(key, "a list of strings");
  }

  stringMap(key: string): Record<string, string> | undefined {
    const value = this.#read(key);
    if (value === undefined) return undefined;
    const good = isObject(value) && Object.values(value).every((item) => typeof item === "string");
    return good ? (value as Record<string, string>) : this.#wrong(key, "a map of strings");
  }

  /** The keys of a map whose values say nothing (`{"80/tcp": {}}`). */
  keySet(key: string): string[] | undefined {
    const value = this.object(key);
    return value === undefined ? undefined : Object.keys(value);
  }

  object(key: string): JsonObject | undefined {
    const value = this.#read(key);
    return value === undefined || isObject(value) ? value : this.#wrong(key, "an object");
  }

  objects(key: string, limit: number): JsonObject[] | undefined {
    const value = this.#read(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || !value.every(isObject)) return this.#wrong(key, "a list of objects");
    return value.length <= limit ? value : this.#wrong(key, `a list of at most ${limit}`);
  }
}

/** `object` without its undefined values, so that optional fields are absent and not undefined. */
export function compact<T extends object>(object: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
