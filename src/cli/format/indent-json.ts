/**
 * Lays JSON text out anew without reading its values: numbers, escapes and the order of keys stay as they are.
 * With an empty indent everything is on one line.
 */
export function indentJson(text: string, indent = "    "): string {
  let out = "";
  let depth = 0;
  const pretty = indent !== "";
  const newline = () => (pretty ? `\n${indent.repeat(depth)}` : "");
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (char === '"') {
      let end = at + 1;
      while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
      out += text.slice(at, end + 1);
      at = end;
    } else if (char === "{" || char === "[") {
      const close = /^\s*([}\]])/.exec(text.slice(at + 1, at + 64));
      if (close) {
        out += char + close[1];
        at += close[0].length;
        continue;
      }
      depth++;
      out += char + newline();
    } else if (char === "}" || char === "]") {
      depth--;
      out += newline() + char;
    } else if (char === ",") {
      out += char + newline();
    } else if (char === ":") {
      out += pretty ? ": " : ":";
    } else if (!/\s/.test(char)) {
      out += char;
    }
  }
  return out;
}
