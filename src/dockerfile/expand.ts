import { globToRegExp } from "../base/glob.ts";
import { LineError } from "./errors.ts";

/** Where the values of variables come from: `undefined` where a variable is not set. */
export type Variables = (name: string) => string | undefined;

/** What cannot be replaced; whoever knows the line adds it. */
export class ExpandError extends LineError {
  override readonly name = "ExpandError";
}

/** A word or words with their variables replaced, and the names of those that had no value, a default or not. */
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

const unclosed = "syntax error: missing '}'";
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
    if (this.#peek() === "") throw new ExpandError(unclosed);
    if (/[{}:]/.test(this.#peek())) throw new ExpandError("syntax error: bad substitution");
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
    const char = this.#next();
    if (char === "}") return this.#value(name) ?? "";
    if (char === "") throw new ExpandError(unclosed);
    if (char === ":") return this.#default(name, this.#next(), ":");
    if (char === "-" || char === "+" || char === "?") return this.#default(name, char, "");
    if (char === "#" || char === "%") return this.#trim(name, char);
    if (char === "/") return this.#replace(name);
    throw new ExpandError(`unsupported modifier (${char}) in substitution`);
  }

  /** `${name:-word}` and its kin; with the colon an empty value counts as none. */
  #default(name: string, operator: string, colon: string): string {
    if (!/[-+?]/.test(operator))
      throw new ExpandError(`unsupported modifier (${colon}${operator}) in substitution`);
    const word = this.#inner("}", unclosed);
    const value = this.#value(name);
    const there = value !== undefined && (colon === "" || value !== "");
    if (operator === "-") return there ? value : word;
    if (operator === "+") return there ? word : "";
    if (there) return value;
    const reason =
      word || (value === undefined ? "is not allowed to be unset" : "is not allowed to be empty");
    throw new ExpandError(`${name}: ${reason}`);
  }

  /** `${name#pattern}`, `##`, `%` and `%%`. */
  #trim(name: string, from: "#" | "%"): string {
    const greedy = this.#peek() === from;
    if (greedy) this.#at++;
    const pattern = checkedPattern(this.#inner("}", unclosed, true));
    const value = this.#value(name);
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
  #replace(name: string): string {
    const all = this.#peek() === "/";
    if (all) this.#at++;
    const pattern = this.#inner("/", `syntax error: missing '/' in $\{}`, true);
    const replacement = this.#inner("}", unclosed);
    const value = this.#value(name);
    checkedPattern(pattern);
    const search = new RegExp(globToRegExp(pattern), all ? "gsu" : "su");
    return (value ?? "").replace(search, () => replacement);
  }

  /**
   * The word inside of braces: what it says becomes part of the value, not a word of its own. `missing` is what is wrong
   * where nothing ends it.
   */
  #inner(stop: string, missing: string, rawEscapes = false): string {
    const outer = [this.#word, this.#inWord, this.#words] as const;
    this.#words = [];
    try {
      return this.until(stop, rawEscapes);
    } catch (error) {
      if (error instanceof ExpandError && this.#at >= this.#text.length) throw new ExpandError(missing);
      throw error;
    } finally {
      [this.#word, this.#inWord, this.#words] = outer;
    }
  }
}

/** A pattern may escape what means something in it, and nothing else. */
function checkedPattern(pattern: string): string {
  const [, wrong] = /^(?:[^\\]|\\[*?\\}/])*\\([^*?\\}/])/su.exec(pattern) ?? [];
  if (wrong === undefined) return pattern;
  throw new ExpandError(`invalid pattern (${pattern}) in substitution: invalid escape '\\${wrong}'`);
}
