import { escapeHtml, Html } from "./html.ts";

/** Longer lines are shown as they are: no expression is to be tried on a text that somebody made to take long. */
const maxLine = 5000;

/**
 * The part of Markdown that read-me files live on: headings, paragraphs, lists, quotes, code, tables, emphasis, links.
 * HTML in the text is shown as it is written; links lead to the web or to a mail address only.
 */
export function markdown(text: string): Html {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const out: string[] = [];
  for (let at = 0; at < lines.length; ) at = block(lines, at, out);
  return new Html(out.join("\n"));
}

/** Renders the block that begins at a line; returns the line after it. */
function block(lines: readonly string[], at: number, out: string[]): number {
  const line = lines[at] ?? "";
  if (line.trim() === "") return at + 1;
  if (line.length > maxLine) {
    out.push(`<p>${escapeHtml(line)}</p>`);
    return at + 1;
  }
  const fence = /^\s{0,3}(```+|~~~+)/.exec(line)?.[1];
  if (fence !== undefined) return code(lines, at, fence, out);
  const heading = /^(#{1,6})\s(.*)$/.exec(line);
  if (heading) {
    // The page has its own first heading.
    const level = Math.min(6, (heading[1] ?? "").length + 1);
    out.push(`<h${level}>${inline(withoutEnd(heading[2] ?? ""))}</h${level}>`);
    return at + 1;
  }
  if (/^\s{0,3}([-*_])(?:\s*\1){2,}\s*$/.test(line)) {
    out.push("<hr>");
    return at + 1;
  }
  if (/^>/.test(line)) {
    const end = runEnd(lines, at, (next) => next.startsWith(">"));
    const inner = lines.slice(at, end).map((quoted) => quoted.replace(/^>\s?/, ""));
    out.push(`<blockquote><p>${inline(inner.join(" "))}</p></blockquote>`);
    return end;
  }
  const item = /^\s*(?:[-*+]|(\d+)[.)])\s+/.exec(line);
  if (item) return list(lines, at, item[1] === undefined ? "ul" : "ol", out);
  if (line.includes("|") && isDelimiterRow(lines[at + 1] ?? "")) return table(lines, at, out);
  const end = runEnd(
    lines,
    at + 1,
    (next) => next.trim() !== "" && !/^(?:#{1,6}\s|```|~~~|>|\s*[-*+]\s|\s*\d+[.)]\s)/.test(next),
  );
  out.push(`<p>${inline(lines.slice(at, end).join("\n"))}</p>`);
  return end;
}

/** The line below a table's head: `| --- | :-: |`. */
function isDelimiterRow(line: string): boolean {
  return line.length <= maxLine && cellsOf(line).every((cell) => /^:?-+:?$/.test(cell));
}

function cellsOf(line: string): string[] {
  return line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());
}

/** A heading's text without the marks that may close it. */
function withoutEnd(text: string): string {
  let end = text.trimEnd().length;
  while (text[end - 1] === "#") end--;
  return text.slice(0, end).trim();
}

function runEnd(lines: readonly string[], from: number, belongs: (line: string) => boolean): number {
  let end = from;
  while (end < lines.length && belongs(lines[end] ?? "")) end++;
  return end;
}

function code(lines: readonly string[], at: number, fence: string, out: string[]): number {
  const end = runEnd(lines, at + 1, (line) => !line.trim().startsWith(fence));
  out.push(`<pre><code>${escapeHtml(lines.slice(at + 1, end).join("\n"))}</code></pre>`);
  return end + 1;
}

function list(lines: readonly string[], at: number, tag: "ul" | "ol", out: string[]): number {
  const items: string[] = [];
  let end = at;
  for (; end < lines.length; end++) {
    const line = lines[end] ?? "";
    const item = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/.exec(line);
    if (item) items.push(item[1] ?? "");
    else if (line.trim() !== "" && /^\s{2,}/.test(line)) items.push(`${items.pop() ?? ""} ${line.trim()}`);
    else break;
  }
  out.push(`<${tag}>${items.map((item) => `<li>${inline(item)}</li>`).join("")}</${tag}>`);
  return end;
}

function table(lines: readonly string[], at: number, out: string[]): number {
  const cells = (line: string) => cellsOf(line).map(inline);
  const end = runEnd(lines, at + 2, (line) => line.includes("|"));
  const head = cells(lines[at] ?? "")
    .map((cell) => `<th>${cell}</th>`)
    .join("");
  const rows = lines.slice(at + 2, end).map(
    (line) =>
      `<tr>${cells(line)
        .map((cell) => `<td>${cell}</td>`)
        .join("")}</tr>`,
  );
  out.push(
    `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`,
  );
  return end;
}

/**
 * Code first: nothing is read within it. Each piece is escaped before anything is put around it. Code ends at as many
 * backticks as it begins with (CommonMark, 6.1).
 */
function inline(text: string): string {
  const marks = [...text.matchAll(/`+/g)];
  const closing = closingMarks(marks.map(([mark]) => mark.length));
  let out = "";
  let from = 0;
  for (let at = 0; at < marks.length; at++) {
    const close = closing[at];
    const [open, end] = [marks[at], close === undefined ? undefined : marks[close]];
    if (close === undefined || !open || !end) continue;
    // A space on both sides is there for code that begins or ends with a backtick.
    const code = text.slice(open.index + open[0].length, end.index).replace(/^ (.*[^ ].*) $/s, "$1");
    out += `${spans(escapeHtml(text.slice(from, open.index)))}<code>${escapeHtml(code)}</code>`;
    from = end.index + end[0].length;
    at = close;
  }
  return out + spans(escapeHtml(text.slice(from)));
}

/** For each run of backticks, of these lengths, the next one that is as long. */
function closingMarks(lengths: readonly number[]): (number | undefined)[] {
  const next = new Map<number, number>();
  return lengths
    .map((length, at) => ({ length, at }))
    .toReversed()
    .map(({ length, at }) => {
      const close = next.get(length);
      next.set(length, at);
      return close;
    })
    .toReversed();
}

function spans(escaped: string): string {
  return escaped
    .replace(
      /!?\[([^[\]]{0,500})\]\(([^()\s]{1,2000})(?:\s{1,9}&quot;[^()]{0,500}&quot;)?\)/g,
      (whole, label: string, target: string) =>
        /^(?:https?:\/\/|mailto:)/i.test(target)
          ? `<a href="${target}" rel="nofollow noopener">${label || target}</a>`
          : label || whole,
    )
    .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>")
    .replace(/(^|[\s(])[*_]([^*_\s][^*_]*)[*_](?=$|[\s).,;:!?])/g, "$1<em>$2</em>")
    .replace(
      /(^|[\s(])(https?:\/\/[^\s<>"(]{0,2000}[^\s<>"(.,;:!?)])/g,
      '$1<a href="$2" rel="nofollow noopener">$2</a>',
    );
}
