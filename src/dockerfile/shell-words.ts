/**
 * Words as a shell splits them, quotes and escapes kept, for variables are replaced later. `closed` is false when the
 * last quote is not closed.
 */
export function splitWords(text: string, escapeToken: string): { words: string[]; closed: boolean } {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (quote === "" && /\s/.test(char)) {
      if (word !== "") words.push(word);
      word = "";
      continue;
    }
    word += char;
    if (char === escapeToken && quote !== "'" && i + 1 < text.length) word += text.charAt(++i);
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = "";
  }
  if (word !== "") words.push(word);
  return { words, closed: quote === "" };
}

/** `word` without its quotes and escapes; `undefined` when a quote is not closed. */
export function unquoted(word: string, escapeToken: string): string | undefined {
  let plain = "";
  let quote = "";
  for (let i = 0; i < word.length; i++) {
    const char = word.charAt(i);
    if (char === escapeToken && quote !== "'" && i + 1 < word.length) plain += word.charAt(++i);
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = "";
    else plain += char;
  }
  return quote === "" ? plain : undefined;
}
