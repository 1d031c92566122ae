import { globToRegExp } from "../base/glob.ts";
import { LineError } from "./errors.ts";

/** Where the values of variables come from: `undefined` where a variable is not set. */
export type Variables = (name: string) => string | undefined;

/** What cannot be replaced; whoever knows the line adds it. */
export class ExpandError extends LineError {
  override readonly name = "ExpandError";
}

/** A word or words with their variables replaced, and the names of those that had no value and no default. */
export interface Expanded<T> {
  value: T;
  unset: string[];
}

/**
 * Replaces `$name`, `${name}` and the forms with modifiers in the words of an instruction, and takes quotes and
 * escapes away, as the Dockerfile reference says under "Environment replacement". Throws `ExpandError`.
 */
export class Expander {
  readonly #escape: string;

  constructor(escapeToken: string) {
    this.#escape = escapeToken;
  }

  /** One word: spaces stay. With `keepQuotes` quotes are characters like others. */
  word(text: string, variables: Variables, options: { keepQuotes?: boolean } = {}): Expanded<string> {
    const run = new Expansion(text, this.#escape, variables, options.keepQuotes ?? false);
    const value = whole(run, text);
    return { value, unset: run.unset };
  }

  /** What a shell would make of it: spaces part words, those of unquoted variables too. */
  words(text: string, variables: Variables): Expanded<string[]> {
    const run = new Expansion(text, this.#escape, variables, false);
    whole(run, text);
    return { value: run.finish(), unset: run.unset };
  }
}

/** Throws with the text in which something is wrong, in BuildKit's words. */
function whole(run: Expansion, text: string): string {
  try {
    return run.until("");
  } catch (error) {
    if (!(error instanceof ExpandError)) throw error;
    throw new ExpandError(`failed to process ${JSON.stringify(text)}: ${error.message}`);
  }
}

const special = /[@*#?\-$!0]/;

class Expansion {
  readonly unset: string[] = [];
  readonly #text: string;
  readonly #escape: string;
  readonly #variables: Variables;
  readonly #keepQuotes: boolean;
  #at = 0;
  // What becomes words: the one that grows, whether it exists (a quoted "" does), those that are done.
  #word = "";
  #inWord = false;
  #words: string[] = [];

  constructor(text: string, escapeToken: string, variables: Variables, keepQuotes: boolean) {
    this.#text = text;
    this.#escape = escapeToken;
    this.#variables = variables;
    this.#keepQuotes = keepQuotes;
  }

  finish(): string[] {
    if (this.#inWord) this.#words.push(this.#word);
    return this.#words;
  }

  /** Reads to `stop`, which is passed over, or to the end where `stop` is "". `rawEscapes` keeps escapes. */
  until(stop: string, rawEscapes = false): string {
    let result = "";
    while (this.#at < this.#text.length) {
      const char = this.#peek();
      if (char === stop) {
        this.#at++;
        return result;
      }
      if (char === "'" && !this.#keepQuotes) result += this.#quoted(this.#single());
      else if (char === '"' && !this.#keepQuotes) result += this.#quoted(this.#double());
      else if (char === "$") result += this.#split(this.#dollar());
      else result += this.#plain(rawEscapes);
    }
    if (stop !== "") throw new ExpandError(`unexpected end of statement while looking for matching ${stop}`);
    return result;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #next(): string {
    return this.#text.charAt(this.#at++);
  }

  #plain(rawEscapes: boolean): string {
    const char = this.#next();
    if (char !== this.#escape) return this.#split(char);
    if (rawEscapes) {
      if (this.#at >= this.#text.length) return this.#quoted(char);
      return this.#quoted(char + this.#next());
    }
    return this.#at < this.#text.length ? this.#quoted(this.#next()) : "";
  }

  #single(): string {
    const from = ++this.#at;
    const end = this.#text.indexOf("'", from);
    if (end < 0) throw new ExpandError("unexpected end of statement while looking for matching single-quote");
    this.#at = end + 1;
    return this.#text.slice(from, end);
  }

  #double(): string {
    this.#at++;
    let result = "";
    for (;;) {
      if (this.#at >= this.#text.length) {
        throw new ExpandError("unexpected end of statement while looking for matching double-quote");
      }
      const char = this.#peek();
      if (char === '"') break;
      if (char === "$") result += this.#dollar();
      else result += this.#inDouble();
    }
    this.#at++;
    return result;
  }

  /** Between double quotes an escape means something before a quote, a dollar and itself only. */
  #inDouble(): string {
    const char = this.#next();
    if (char !== this.#escape || this.#at >= this.#text.length) return char;
    const next = this.#next();
    const escapes = next === '"' || next === "$" || next === this.#escape;
    return escapes ? next : char + next;
  }

  /** Text that stays in one word. */
  #quoted(text: string): string {
    this.#word += text;
    this.#inWord = true;
    return text;
  }

  /** Text whose spaces part words. */
  #split(text: string): string {
    for (const char of text) {
      if (!/\s/.test(char)) {
        this.#word += char;
        this.#inWord = true;
      } else if (this.#inWord) {
        this.#words.push(this.#word);
        this.#word = "";
        this.#inWord = false;
      }
    }
    return text;
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== "{") {
      const name = this.#name();
      if (name === "") return "$";
      return this.#value(name) ?? "";
    }
    this.#at++;
    if (this.#peek() === "}") throw new ExpandError("syntax error: bad substitution");
    return this.#braced();
  }

  #name(): string {
    const rest = this.#text.slice(this.#at);
    const name =
      /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+)/.exec(rest)?.[0] ?? special.exec(rest.charAt(0))?.[0] ?? "";
    this.#at += name.length;
    return name;
  }

  #value(name: string): string | undefined {
    const value = this.#variables(name);
    if (value === undefined) this.unset.push(name);
    return value;
  }

  #braced(): string {
    const name = this.#name();
    if (name === "") throw new ExpandError("syntax error: bad substitution");
    const value = this.#variables(name);
    const char = this.#next();
    if (char === "}") {
      if (value === undefined) this.unset.push(name);
      return value ?? "";
    }
    if (char === "") throw new ExpandError("syntax error: missing '}'");
    if (char === ":")
      return this.#default(name, value, value !== undefined && value !== "", this.#next(), ":");
    if (char === "-" || char === "+" || char === "?")
      return this.#default(name, value, value !== undefined, char, "");
    if (char === "#" || char === "%") return this.#trim(name, value, char);
    if (char === "/") return this.#replace(name, value);
    throw new ExpandError(`unsupported modifier (${char}) in substitution`);
  }

  /** `${name:-word}` and its kin. `there` says whether the value counts as set. */
  #default(name: string, value: string | undefined, there: boolean, operator: string, colon: string): string {
    if (!/[-+?]/.test(operator))
      throw new ExpandError(`unsupported modifier (${colon}${operator}) in substitution`);
    const word = this.#inner("}");
    if (operator === "-") return there ? (value ?? "") : word;
    if (operator === "+") return there ? word : "";
    if (there) return value ?? "";
    const reason =
      word || (value === undefined ? "is not allowed to be unset" : "is not allowed to be empty");
    throw new ExpandError(`${name}: ${reason}`);
  }

  /** `${name#pattern}`, `##`, `%` and `%%`. */
  #trim(name: string, value: string | undefined, from: "#" | "%"): string {
    const greedy = this.#peek() === from;
    if (greedy) this.#at++;
    const pattern = this.#inner("}", true);
    if (value === undefined) this.unset.push(name);
    const text = value ?? "";
    const whole = new RegExp(`^(?:${globToRegExp(pattern)})$`, "su");
    const lengths = Array.from({ length: text.length + 1 }, (_, length) => length);
    for (const length of greedy ? lengths.reverse() : lengths) {
      const cut = text.length - length;
      if (from === "#" && whole.test(text.slice(0, length))) return text.slice(length);
      if (from === "%" && whole.test(text.slice(cut))) return text.slice(0, cut);
    }
    return text;
  }

  /** `${name/pattern/replacement}`, `//` for all. */
  #replace(name: string, value: string | undefined): string {
    const all = this.#peek() === "/";
    if (all) this.#at++;
    const pattern = this.#inner("/", true);
    const replacement = this.#inner("}");
    if (value === undefined) this.unset.push(name);
    const search = new RegExp(globToRegExp(pattern), all ? "gsu" : "su");
    return (value ?? "").replace(search, () => replacement);
  }

  /** The word inside of braces: what it says becomes part of the value, not a word of its own. */
  #inner(stop: string, rawEscapes = false): string {
    const outer = [this.#word, this.#inWord, this.#words] as const;
    this.#words = [];
    const text = this.until(stop, rawEscapes);
    [this.#word, this.#inWord, this.#words] = outer;
    return text;
  }
}
