import { listOrWords } from "./arguments.ts";
import { openHeredoc } from "./heredoc.ts";
import type { CopySource } from "./instruction.ts";
import type { Parts } from "./parse-instruction.ts";

/** The arguments and flags that `COPY` and `ADD` share: sources, then where they go. */
export function parseCopy({ keyword, flags, rest, line, escapeToken }: Parts): CopySource {
  const words = listOrWords(rest);
  const destination = words.pop();
  if (destination === undefined || words.length === 0) {
    const missing = "but only one was provided. Destination could not be determined";
    throw new Error(`${keyword} requires at least two arguments, ${missing}`);
  }
  if (openHeredoc(destination, escapeToken) !== undefined) {
    throw new Error(`${keyword} cannot accept a heredoc as a destination`);
  }
  // It is what the file is called: a path would lead anywhere.
  const path = line.heredocs.find(({ name }) => name.includes("/") || name === "." || name === "..");
  if (path !== undefined)
    throw new Error(`invalid heredoc name "${path.name}": it must be the name of a file`);
  // The words that opened a here-document are files, the others are paths.
  const sources =
    line.heredocs.length === 0 ? words : words.filter((word) => openHeredoc(word, escapeToken) === undefined);
  return {
    sources,
    files: line.heredocs,
    destination,
    chown: flags.string("chown"),
    chmod: flags.string("chmod"),
    link: flags.boolean("link") ?? false,
    parents: flags.boolean("parents") ?? false,
    exclude: flags.strings("exclude"),
  };
}
