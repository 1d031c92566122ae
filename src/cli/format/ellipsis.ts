/** `text` cut to `width` columns, the last of which is an ellipsis. */
export function ellipsis(text: string, width: number): string {
  if (width <= 0) return "";
  if (Bun.stringWidth(text) <= width) return text;
  let out = "";
  let used = 0;
  for (const char of text) {
    const columns = Bun.stringWidth(char);
    if (used + columns > width - 1) break;
    out += char;
    used += columns;
  }
  return width === 1 ? ([...text][0] ?? "") : `${out}…`;
}
