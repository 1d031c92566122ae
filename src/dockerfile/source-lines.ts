import type { Directives } from "./directives.ts";
import { DockerfileError, type LineRange } from "./errors.ts";
import { type Heredoc, openHeredoc } from "./heredoc.ts";
import { splitWords } from "./shell-words.ts";

/** One instruction as it was written: its lines joined, comments dropped. */
export interface SourceLine {
  text: string;
  range: LineRange;
  heredocs: Heredoc[];
  /** The comments since the instruction before it, without `#`. */
  comments: string[];
  /** Its last line before here-documents, where it goes on over empty lines; the build check `NoEmptyContinuation` tells. */
  emptyContinuation?: number;
}

/** Instructions that may open here-documents; `ONBUILD` in front does not change it. */
const withHeredocs = /^(?:onbuild\s+)*(?:add|copy|run)\s/i;

/** The longest line of a Dockerfile in bytes that is read: enough for any real one, and not for an accident. */
const maxLine = 4 * 1024 * 1024;

/** Joins the lines of a Dockerfile to instructions (Dockerfile reference, "Format" and "escape"). */
export function* readSourceLines(lines: readonly string[], directives: Directives): Generator<SourceLine> {
  const reader = new LineReader(lines, directives);
  for (;;) {
    const line = reader.next();
    if (line === undefined) return;
    yield line;
  }
}

class LineReader {
  readonly #lines: readonly string[];
  readonly #escape: string;
  readonly #continues: RegExp;
  #at: number;

  constructor(lines: readonly string[], { escape: escapeToken, lines: directives }: Directives) {
    this.#lines = lines;
    this.#at = directives;
    this.#escape = escapeToken;
    const token = escapeToken === "`" ? "`" : "\\\\";
    this.#continues = new RegExp(`(^|[^${token}])${token}[ \\t]*$`);
  }

  next(): SourceLine | undefined {
    const comments = this.#skipToInstruction();
    if (this.#at >= this.#lines.length) return undefined;
    const start = this.#at + 1;
    const { text, hasEmptyContinuation } = this.#join();
    const end = this.#at;
    const range = { start, end };
    const heredocs = withHeredocs.test(text) ? this.#heredocs(text, range) : [];
    return {
      text,
      range: { start, end: this.#at },
      heredocs,
      comments,
      ...(hasEmptyContinuation && { emptyContinuation: end }),
    };
  }

  /** Passes empty lines and comments; gives the comments. */
  #skipToInstruction(): string[] {
    const comments: string[] = [];
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = (this.#lines[this.#at] ?? "").trim();
      if (line.startsWith("#")) comments.push(line.slice(1).trim());
      else if (line !== "") break;
    }
    return comments;
  }

  #join(): { text: string; hasEmptyContinuation: boolean } {
    let text = "";
    let hasEmptyContinuation = false;
    for (let first = true; this.#at < this.#lines.length; first = false) {
      const raw = this.#lines[this.#at++] ?? "";
      const trimmed = raw.trim();
      if (!first && trimmed.startsWith("#")) continue;
      if (!first && trimmed === "") {
        hasEmptyContinuation = true;
        continue;
      }
      const line = first ? raw.trimStart() : raw;
      const goesOn = this.#continues.test(line);
      text += goesOn ? line.replace(this.#continues, "$1") : line;
      if (text.length > maxLine) {
        const range = { start: this.#at, end: this.#at };
        throw new DockerfileError(`dockerfile line greater than max allowed size of ${maxLine}`, range);
      }
      if (!goesOn) break;
    }
    return { text, hasEmptyContinuation };
  }

  #heredocs(text: string, range: LineRange): Heredoc[] {
    const { words, closed } = splitWords(text, this.#escape);
    const opened = closed ? words.map((word) => openHeredoc(word, this.#escape)) : [];
    const heredocs = opened.filter((heredoc) => heredoc !== undefined);
    for (const heredoc of heredocs) {
      const content: string[] = [];
      for (;;) {
        const line = this.#lines[this.#at++];
        if (line === undefined) {
          this.#at = this.#lines.length;
          throw new DockerfileError("unterminated heredoc", {
            start: range.start,
            end: this.#lines.length - 1,
          });
        }
        if ((heredoc.chomp ? line.replace(/^\t+/, "") : line) === heredoc.name) break;
        content.push(`${line}\n`);
      }
      heredoc.content = content.join("");
    }
    return heredocs;
  }
}
