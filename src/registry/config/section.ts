import { invalidArgument } from "../../base/errors.ts";
import { parseGoDuration } from "../../base/units.ts";
import type { Tree } from "./tree.ts";

const nanosPerMilli = 1e6;
/** RFC 9110, 5.1 and 5.5. */
const headerName = /^[\w!#$%&'*+.^`|~-]+$/;
const headerValue = /^[\t\x20-\x7e]*$/;

/** Is told where a key stands that means nothing: `refuse` for one that is not known, `warn` for one without effect. */
export interface Strangers {
  refuse(path: string): void;
  warn(path: string): void;
}

/** Reads the values of a map, and at the end tells of the keys that nobody asked for. */
export class Section {
  readonly #values: Tree;
  readonly #path: string;
  readonly #asked = new Set<string>();
  readonly #idle = new Set<string>();
  readonly #below: Section[] = [];

  constructor(values: unknown, path: string) {
    if (values !== undefined && values !== null && (typeof values !== "object" || Array.isArray(values))) {
      throw invalidArgument(`configuration: ${path} is not a map`);
    }
    this.#values = (values ?? {}) as Tree;
    this.#path = path;
  }

  has(key: string): boolean {
    return this.#values[key] !== undefined;
  }

  #name(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }

  section(key: string): Section {
    this.#asked.add(key);
    const section = new Section(this.#values[key], this.#name(key));
    this.#below.push(section);
    return section;
  }

  list(key: string): Section[] {
    this.#asked.add(key);
    const value = this.#values[key] ?? [];
    if (!Array.isArray(value)) throw invalidArgument(`configuration: ${this.#name(key)} is not a list`);
    const sections = value.map((item, index) => new Section(item, `${this.#name(key)}[${index}]`));
    this.#below.push(...sections);
    return sections;
  }

  string(key: string): string | undefined {
    this.#asked.add(key);
    const value = this.#values[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "object") throw invalidArgument(`configuration: ${this.#name(key)} is not a text`);
    return String(value);
  }

  required(key: string): string {
    const value = this.string(key);
    if (value === undefined || value === "")
      throw invalidArgument(`configuration: ${this.#name(key)} is missing`);
    return value;
  }

  boolean(key: string, otherwise: boolean): boolean {
    const text = this.string(key);
    if (text === undefined) return otherwise;
    if (text !== "true" && text !== "false")
      throw invalidArgument(`configuration: ${this.#name(key)} is not true or false`);
    return text === "true";
  }

  millis(key: string, otherwise: number): number {
    const text = this.string(key);
    if (text === undefined) return otherwise;
    const nanos = parseGoDuration(text);
    if (nanos === undefined || nanos < 0)
      throw invalidArgument(`configuration: ${this.#name(key)} is not a duration like 30s`);
    return nanos / nanosPerMilli;
  }

  strings(key: string): string[] {
    this.#asked.add(key);
    const value = this.#values[key] ?? [];
    if (!Array.isArray(value)) throw invalidArgument(`configuration: ${this.#name(key)} is not a list`);
    return value.map(String);
  }

  /** A map of texts, or of lists of texts (as HTTP headers are written). */
  headers(key: string): Record<string, string> {
    this.#asked.add(key);
    const value = this.#values[key] ?? {};
    if (typeof value !== "object" || Array.isArray(value))
      throw invalidArgument(`configuration: ${this.#name(key)} is not a map`);
    return Object.fromEntries(
      Object.entries(value).map(([name, given]) => {
        const text = Array.isArray(given) ? given.join(", ") : String(given);
        if (!headerName.test(name) || !headerValue.test(text))
          throw invalidArgument(`configuration: ${this.#name(key)}.${name} is not an HTTP header`);
        return [name, text];
      }),
    );
  }

  /** Keys that Docker's registry knows and that have no effect here. */
  ignore(...keys: string[]): void {
    for (const key of keys) {
      this.#asked.add(key);
      this.#idle.add(key);
    }
  }

  /** Tells of what means nothing, here or below. */
  close(strangers: Strangers): void {
    for (const key of Object.keys(this.#values)) {
      if (!this.#asked.has(key)) strangers.refuse(this.#name(key));
      else if (this.#idle.has(key)) strangers.warn(this.#name(key));
    }
    for (const section of this.#below) section.close(strangers);
  }
}
