import type { FlagSet } from "./flags.ts";

/** Cuts `text` to about `limit` columns; a last word may run over it by `slop`. */
function cut(limit: number, slop: number, text: string): [string, string] {
  if (limit + slop > text.length) return [text, ""];
  const head = text.slice(0, limit);
  const at = Math.max(head.lastIndexOf(" "), head.lastIndexOf("\t"), head.lastIndexOf("\n"));
  if (at <= 0) return [text, ""];
  const newline = head.lastIndexOf("\n");
  if (newline > 0 && newline < at) return [text.slice(0, newline), text.slice(newline + 1)];
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Breaks `text` into lines that fit between column `indent` and column `width`. */
function wrap(indent: number, width: number, text: string): string {
  let left = indent;
  let out = "";
  if (width - left < 24) {
    left = 16;
    out = `\n${" ".repeat(left)}`;
  }
  if (width - left < 24) return text.replaceAll("\n", out);
  const slop = 5;
  const limit = width - left - slop;
  const newline = `\n${" ".repeat(left)}`;
  let [line, rest] = cut(limit, slop, text);
  out += line.replaceAll("\n", newline);
  while (rest !== "") {
    [line, rest] = cut(limit, slop, rest);
    out += newline + line.replaceAll("\n", newline);
  }
  return out;
}

/** The table of flags in a help text: aligned, sorted by name, wrapped at `width` columns. */
export function flagUsages(flags: FlagSet, width: number): string {
  const shown = Object.entries(flags)
    .filter(([, spec]) => !spec.hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = shown.map(([name, spec]) => {
    const short = spec.short ? `  -${spec.short}, ` : "      ";
    const type = spec.type === "bool" ? "" : ` ${spec.type}`;
    const initial = spec.initialText === undefined ? "" : ` (default ${spec.initialText})`;
    return { left: `${short}--${name}${type}`, right: spec.help + initial };
  });
  const column = Math.max(0, ...rows.map((row) => row.left.length)) + 3;
  return rows.map(({ left, right }) => `${left.padEnd(column)}${wrap(column, width, right)}\n`).join("");
}
