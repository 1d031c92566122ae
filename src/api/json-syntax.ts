/**
 * The text of Go's `encoding/json` for what is wrong with `text`, or undefined when nothing is. Only used after
 * `JSON.parse` refused the text, so that people and tools read the error that they know.
 */
export function jsonSyntaxError(text: string): string | undefined {
  const scanner = new Scanner(text);
  try {
    scanner.value("looking for beginning of value");
    scanner.end();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    if (error instanceof RangeError) return "exceeded max depth";
    throw error;
  }
}

class Fault extends Error {}

/** `'x'` as Go quotes a character in these messages. */
function quoted(character: string): string {
  if (character === "'") return `'\\''`;
  if (character === '"') return `'"'`;
  return `'${JSON.stringify(character).slice(1, -1)}'`;
}

/** A recursive-descent check of RFC 8259 with the wording of Go's scanner. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) this.#wrong("after top-level value");
  }

  value(where: string): void {
    this.#space();
    const first = this.#text[this.#at];
    if (first === "{") this.#object();
    else if (first === "[") this.#array();
    else if (first === '"') this.#string();
    else if (first === "-" || (first !== undefined && first >= "0" && first <= "9")) this.#number();
    else if (first === "t") this.#literal("true");
    else if (first === "f") this.#literal("false");
    else if (first === "n") this.#literal("null");
    else this.#wrong(where);
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #wrong(where: string): never {
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    if (this.#at >= this.#text.length) throw new Fault("unexpected EOF");
    throw new Fault(`invalid character ${quoted(character)} ${where}`);
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #object(): void {
    this.#at++;
    this.#space();
    if (this.#take("}")) return;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#wrong("looking for beginning of object key string");
      this.#string();
      this.#space();
      if (!this.#take(":")) this.#wrong("after object key");
      this.value("looking for beginning of value");
      this.#space();
      if (this.#take("}")) return;
      if (!this.#take(",")) this.#wrong("after object key:value pair");
    }
  }

  #array(): void {
    this.#at++;
    this.#space();
    if (this.#take("]")) return;
    for (;;) {
      this.value("looking for beginning of value");
      this.#space();
      if (this.#take("]")) return;
      if (!this.#take(",")) this.#wrong("after array element");
    }
  }

  #string(): void {
    this.#at++;
    while (!this.#take('"')) {
      const character = this.#text[this.#at];
      if (character === undefined || character < " ") this.#wrong("in string literal");
      this.#at++;
      if (character === "\\") this.#escape();
    }
  }

  #escape(): void {
    if (!/["\\/bfnrtu]/.test(this.#text[this.#at] ?? "")) this.#wrong("in string escape code");
    if (this.#text[this.#at++] !== "u") return;
    for (let i = 0; i < 4; i++, this.#at++) {
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? "")) this.#wrong("in \\u hexadecimal character escape");
    }
  }

  #digits(where: string): void {
    if (!/[0-9]/.test(this.#text[this.#at] ?? "")) this.#wrong(where);
    while (/[0-9]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #number(): void {
    if (this.#take("-") && !/[0-9]/.test(this.#text[this.#at] ?? "")) this.#wrong("in numeric literal");
    if (!this.#take("0")) this.#digits("in numeric literal");
    if (this.#take(".")) this.#digits("after decimal point in numeric literal");
    if (this.#take("e") || this.#take("E")) {
      if (!this.#take("+")) this.#take("-");
      this.#digits("in exponent of numeric literal");
    }
  }

  #literal(word: string): void {
    this.#at++;
    for (const character of word.slice(1)) {
      if (!this.#take(character)) this.#wrong(`in literal ${word} (expecting '${character}')`);
    }
  }
}
