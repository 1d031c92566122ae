import { unquoted } from "./shell-words.ts";

/** A here-document: text that stands below its instruction (Dockerfile reference, "Here-Documents"). */
export interface Heredoc {
  /** What ends it, without quotes. */
  name: string;
  /** The file descriptor before `<<`; 0 where none is named. */
  fd: number;
  /** False when the name was quoted: variables in the text stay as they are. */
  expand: boolean;
  /** True for `<<-`: tabs at the start of each line are cut. */
  chomp: boolean;
  /** The text with its last newline. */
  content: string;
}

const form = /^(\d*)<<(-?)([^<]*)$/;

/** The here-document that `word` opens, without its content; undefined when it opens none. */
export function openHeredoc(word: string, escapeToken: string): Heredoc | undefined {
  const [matched, fd = "", dash = "", rest = ""] = form.exec(word) ?? [];
  if (matched === undefined || rest === "") return undefined;
  const name = unquoted(rest, escapeToken);
  if (name === undefined || name === "") return undefined;
  return { name, fd: Number(fd || "0"), expand: name === rest, chomp: dash !== "", content: "" };
}

/** `content` as a shell hands it over: without the tabs where they are to be cut. */
export function heredocText({ content, chomp }: Heredoc): string {
  return chomp ? content.replace(/^\t+/gm, "") : content;
}
