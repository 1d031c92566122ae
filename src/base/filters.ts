import { invalidArgument } from "./errors.ts";

/**
 * The `filters` parameter of the Engine API: names, each with a set of values, any of which may match.
 */
export class Filters {
  #values: Map<string, string[]>;

  constructor(values: Iterable<readonly [string, readonly string[]]> = []) {
    this.#values = new Map(Array.from(values, ([name, list]) => [name, [...list]]));
  }

  /** Throws `invalidArgument` on a filter that is not one of `known`, the names that the operation takes. */
  static from(values: Readonly<Record<string, readonly string[]>>, known: readonly string[]): Filters {
    for (const name of Object.keys(values)) {
      if (!known.includes(name)) throw invalidArgument(`invalid filter '${name}'`);
    }
    return new Filters(Object.entries(values));
  }

  /** No filter is given: everything matches. */
  get isEmpty(): boolean {
    return this.#values.size === 0;
  }

  has(name: string): boolean {
    return (this.#values.get(name)?.length ?? 0) > 0;
  }

  get(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** True when the filter is not given, or one of its values is `value`. */
  exact(name: string, value: string): boolean {
    return !this.has(name) || this.get(name).includes(value);
  }

  /** True when the filter is not given, or `matches` says so of one of its values. */
  any(name: string, matches: (wanted: string) => boolean): boolean {
    return !this.has(name) || this.get(name).some(matches);
  }

  /**
   * A boolean filter (`dangling`): undefined when not given. Throws `invalidArgument` when its values say neither true nor
   * false, or both.
   */
  boolean(name: string): boolean | undefined {
    if (!this.has(name)) return undefined;
    const values = this.get(name);
    const isTrue = values.some((value) => value === "1" || value === "true");
    const isFalse = values.some((value) => value === "0" || value === "false");
    if (isTrue === isFalse) throw invalidArgument(`invalid filter '${name}=[${values.join(" ")}]'`);
    return isTrue;
  }

  /** True when every `label` filter (`key` or `key=value`) holds of `labels`. */
  labels(labels: Readonly<Record<string, string>> | null | undefined, name = "label"): boolean {
    return this.get(name).every((wanted) => hasLabel(labels ?? {}, wanted));
  }
}

/** `wanted` is `key` or `key=value`. */
export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  if (equals < 0) return wanted in labels;
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}

/** Filters of names and ids match as a regular expression does; one that is none matches as plain text. */
export function matchesPattern(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return text.includes(pattern);
  }
}
