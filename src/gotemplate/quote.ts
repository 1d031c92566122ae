const short: Record<string, string> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
};
/** Printable ASCII without quotation marks and backslashes. */
const plain = /^[ !#-[\]-~]*$/;
const unprintable = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

function escaped(char: string, quote: string): string {
  if (char === quote) return `\\${quote}`;
  const known = short[char];
  if (known !== undefined) return known;
  if (!unprintable.test(char)) return char;
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}

/** `strconv.Quote`: a Go string literal. */
export function quote(text: string): string {
  if (plain.test(text)) return `"${text}"`;
  return `"${[...text].map((char) => escaped(char, '"')).join("")}"`;
}

/** `strconv.QuoteRune`: a Go character literal. */
export function quoteRune(code: number): string {
  return `'${escaped(String.fromCodePoint(code), "'")}'`;
}

/** A character as Go's `%#U` prints it: `U+0023 '#'`. */
export function unicodeName(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return unprintable.test(char) ? hex : `${hex} '${char}'`;
}

const simple: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};
const escapeSequence = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gs;

/** `strconv.Unquote` of a literal with its quotes; undefined when it is not a valid one. */
export function unquote(literal: string): string | undefined {
  const mark = literal[0];
  const body = literal.slice(1, -1);
  if (mark === "`") return body.replaceAll("\r", "");
  if (body.includes("\n")) return undefined;
  let valid = true;
  const text = body.replace(escapeSequence, (_all, x, u, long, octal, other) => {
    const hex = x ?? u ?? long;
    if (hex !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(hex, 16), 0x10ffff));
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
    const known = simple[other];
    if (known === undefined || ((other === "'" || other === '"') && other !== mark)) valid = false;
    return known ?? "";
  });
  return valid ? text : undefined;
}
