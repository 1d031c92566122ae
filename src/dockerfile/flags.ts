import { nearest } from "./suggest.ts";

/** The flags of an instruction, `--name=value`, and what comes after them. */
export interface Flagged {
  flags: string[];
  rest: string;
}

/**
 * Cuts the words that start with `--` off the beginning of `text`. `--` alone ends them; quotes and `\` hold spaces
 * together.
 */
export function cutFlags(text: string): Flagged {
  const flags: string[] = [];
  let rest = text.trimStart();
  while (rest.startsWith("--")) {
    const { word, length } = firstWord(rest);
    rest = rest.slice(length).trimStart();
    if (word === "--") break;
    flags.push(word);
  }
  return { flags, rest };
}

function firstWord(text: string): { word: string; length: number } {
  let word = "";
  let quote = "";
  let at = 0;
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "\\" && at + 1 < text.length) word += text.charAt(++at);
    else if (quote === "" && /\s/.test(char)) break;
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = "";
    else word += char;
  }
  return { word, length: at };
}

/** The flags of one instruction, by kind: each is taken once, and what nobody takes is an error. */
export class Flags {
  readonly #given = new Map<string, { value: string | undefined; taken: boolean }[]>();
  readonly #known = new Set<string>();

  constructor(flags: readonly string[]) {
    for (const flag of flags) {
      const equals = flag.indexOf("=");
      const name = equals < 0 ? flag.slice(2) : flag.slice(2, equals);
      const given = this.#given.get(name) ?? [];
      given.push({ value: equals < 0 ? undefined : flag.slice(equals + 1), taken: false });
      this.#given.set(name, given);
    }
  }

  #take(name: string): { value: string | undefined; taken: boolean }[] {
    this.#known.add(name);
    const given = this.#given.get(name) ?? [];
    for (const flag of given) flag.taken = true;
    return given;
  }

  #once(name: string): { value: string | undefined } | undefined {
    const given = this.#take(name);
    if (given.length > 1) throw new Error(`duplicate flag specified: --${name}`);
    return given[0];
  }

  string(name: string): string | undefined {
    const flag = this.#once(name);
    if (flag === undefined) return undefined;
    if (flag.value === undefined) throw new Error(`missing a value on flag: --${name}`);
    return flag.value;
  }

  strings(name: string): string[] {
    return this.#take(name).map(({ value }) => {
      if (value === undefined) throw new Error(`missing a value on flag: --${name}`);
      return value;
    });
  }

  /** `--link` and `--link=true` are true. */
  boolean(name: string): boolean | undefined {
    const flag = this.#once(name);
    if (flag === undefined) return undefined;
    const value = (flag.value ?? "true").toLowerCase();
    if (value !== "true" && value !== "false") {
      throw new Error(`expecting boolean value for flag --${name}, not: ${flag.value}`);
    }
    return value === "true";
  }

  /** To be called when all flags of the instruction were asked for: the first unknown one is an error. */
  finish(): void {
    for (const [name, flags] of this.#given) {
      if (flags.every((flag) => flag.taken)) continue;
      const meant = nearest(name, this.#known);
      throw new Error(`unknown flag: --${name}${meant === "" ? "" : ` (did you mean ${meant}?)`}`);
    }
  }
}
