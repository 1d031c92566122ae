import { unicodeName } from "./quote.ts";

export type TokenKind =
  | "error"
  | "eof"
  | "text"
  | "left"
  | "right"
  | "space"
  | "field"
  | "variable"
  | "identifier"
  | "keyword"
  | "dot"
  | "nil"
  | "bool"
  | "number"
  | "char"
  | "string"
  | "raw"
  | "pipe"
  | "("
  | ")"
  | ":="
  | "="
  | "punctuation";

export interface Token {
  readonly kind: TokenKind;
  /** The text of the token, or the message of an error. */
  readonly text: string;
  /** Where it begins, in UTF-16 units of the source. */
  readonly at: number;
  readonly line: number;
}

const keywords = new Set([
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "range",
  "template",
  "with",
]);
const space = /[ \t\r\n]/;
const word = /[\p{L}\p{Nd}_]/u;
const number =
  /^[+-]?(?:0[xX][0-9a-fA-F_]*|0[bB][01_]*|0[oO]?[0-7_]*(?![0-9.eE])|[0-9_]*)(?:\.[0-9_]*)?(?:[eEpP][+-]?[0-9_]+)?/;

/** Splits a template into tokens, as text/template/parse does. The last token is `eof` or `error`. */
export function* lex(source: string): Generator<Token, void> {
  let at = 0;
  let line = 1;
  const make = (kind: TokenKind, end: number): Token => {
    const token = { kind, text: source.slice(at, end), at, line };
    for (const char of token.text) if (char === "\n") line++;
    at = end;
    return token;
  };
  const fail = (text: string, where = at): Token => ({ kind: "error", text, at: where, line });
  let trimNext = false;

  for (;;) {
    const open = source.indexOf("{{", at);
    const textEnd = open < 0 ? source.length : open;
    if (trimNext) {
      let skip = at;
      while (skip < textEnd && space.test(source[skip] ?? "")) skip++;
      make("space", skip);
      trimNext = false;
    }
    const trimsBefore = open >= 0 && source[open + 2] === "-" && space.test(source[open + 3] ?? "");
    let shown = textEnd;
    if (trimsBefore) while (shown > at && space.test(source[shown - 1] ?? "")) shown--;
    if (shown > at) yield make("text", shown);
    make("space", textEnd);
    if (open < 0) {
      yield make("eof", at);
      return;
    }
    const inside = open + 2 + (trimsBefore ? 2 : 0);
    if (source.startsWith("/*", inside)) {
      const close = source.indexOf("*/", inside);
      if (close < 0) return yield fail("unclosed comment");
      const trims = space.test(source[close + 2] ?? "") && source[close + 3] === "-";
      const end = close + 2 + (trims ? 2 : 0);
      if (!source.startsWith("}}", end)) return yield fail("comment ends before closing delimiter");
      make("space", end + 2);
      trimNext = trims;
      continue;
    }
    yield make("left", inside);
    let depth = 0;
    for (;;) {
      const trims = space.test(source[at] ?? "") && source.startsWith("-}}", at + 1);
      if (trims || source.startsWith("}}", at)) {
        if (depth > 0) return yield fail("unclosed left paren");
        if (trims) make("space", at + 2);
        yield make("right", at + 2);
        trimNext = trims;
        break;
      }
      const token = next();
      if (token.text === "(" && token.kind === "(") depth++;
      if (token.kind === ")" && --depth < 0) return yield fail("unexpected right paren", token.at);
      yield token;
      if (token.kind === "error") return;
    }
  }

  function next(): Token {
    const char = source[at];
    if (char === undefined) return fail("unclosed action");
    if (space.test(char)) {
      let end = at;
      // The space of " -}}" belongs to the closing mark.
      while (space.test(source[end] ?? "") && !(source.startsWith("-}}", end + 1) && end > at)) end++;
      return make("space", end);
    }
    if (char === "=") return make("=", at + 1);
    if (char === ":") return source[at + 1] === "=" ? make(":=", at + 2) : fail("expected :=");
    if (char === "|") return make("pipe", at + 1);
    if (char === '"' || char === "'") return quoted(char);
    if (char === "`") {
      const end = source.indexOf("`", at + 1);
      return end < 0 ? fail("unterminated raw quoted string") : make("raw", end + 1);
    }
    if (char === "$") return named("variable");
    if (char === "." && !/[0-9]/.test(source[at + 1] ?? "")) return named("field");
    if (/[0-9.+-]/.test(char)) return numeric();
    if (word.test(char)) return identifier();
    if (char === "(") return make("(", at + 1);
    if (char === ")") return make(")", at + 1);
    if (char >= " " && char <= "~") return make("punctuation", at + 1);
    return fail(`unrecognized character in action: ${unicodeName(char)}`);
  }

  function wordEnd(from: number): number {
    let end = from;
    while (end < source.length && word.test(source[end] ?? "")) end++;
    return end;
  }

  function badEnd(end: number): Token | undefined {
    const after = source[end];
    if (after === undefined || /[ \t\r\n.,|:()]/.test(after) || source.startsWith("}}", end))
      return undefined;
    return fail(`bad character ${unicodeName(after)}`, at);
  }

  function named(kind: "field" | "variable"): Token {
    const end = wordEnd(at + 1);
    if (end === at + 1) return make(kind === "field" ? "dot" : "variable", end);
    return badEnd(end) ?? make(kind, end);
  }

  function identifier(): Token {
    const end = wordEnd(at);
    const bad = badEnd(end);
    if (bad) return bad;
    const text = source.slice(at, end);
    if (keywords.has(text)) return make("keyword", end);
    if (text === "nil") return make("nil", end);
    return make(text === "true" || text === "false" ? "bool" : "identifier", end);
  }

  function numeric(): Token {
    const length = number.exec(source.slice(at))?.[0].length ?? 0;
    const end = at + length;
    if (length === 0 || word.test(source[end] ?? "")) {
      return fail(`bad number syntax: "${source.slice(at, end + 1)}"`);
    }
    return make("number", end);
  }

  function quoted(mark: string): Token {
    for (let end = at + 1; end < source.length; end++) {
      const char = source[end];
      if (char === "\\" && source[end + 1] !== undefined && source[end + 1] !== "\n") end++;
      else if (char === "\n") break;
      else if (char === mark) return make(mark === '"' ? "string" : "char", end + 1);
    }
    return fail(mark === '"' ? "unterminated quoted string" : "unterminated character constant");
  }
}
