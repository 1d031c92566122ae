import { jsonList, keyValues, listOrWords, plainWords } from "./arguments.ts";
import { type DockerfileError, LineError, located, parseError } from "./errors.ts";
import { cutFlags, Flags } from "./flags.ts";
import { type Command, type Instruction, type Keyword, keywords } from "./instruction.ts";
import { parseCopy } from "./parse-copy.ts";
import { parseHealthcheck } from "./parse-healthcheck.ts";
import { parseRunMount } from "./run-mount.ts";
import { splitWords } from "./shell-words.ts";
import type { SourceLine } from "./source-lines.ts";
import { withSuggestion } from "./suggest.ts";

/** The parts of a line before its instruction is known. */
export interface Parts {
  keyword: Keyword;
  /** The keyword as it was written. */
  written: string;
  flags: Flags;
  /** All after the flags. */
  rest: string;
  line: SourceLine;
  escapeToken: string;
}

/** Parses one instruction. Throws a `DockerfileError` that names the line and what is wrong, in BuildKit's words. */
export function parseInstruction(line: SourceLine, escapeToken: string): Instruction {
  const [, written = "", after = ""] = /^(\S+)\s*(.*)$/s.exec(line.text.trim()) ?? [];
  const keyword = keywords.find((word) => word === written.toUpperCase());
  if (keyword === undefined) {
    throw parseError(withSuggestion(`unknown instruction: ${written}`, written, keywords), line.range);
  }
  const { flags, rest } = cutFlags(after);
  const parts: Parts = { keyword, written, flags: new Flags(flags), rest: rest.trim(), line, escapeToken };
  try {
    const instruction = {
      range: line.range,
      text: line.text.trim(),
      ...parsers[keyword](parts),
    } as Instruction;
    parts.flags.finish();
    return instruction;
  } catch (error) {
    throw atLine(error, line);
  }
}

/** `error` with its line, where it has none yet. */
function atLine(error: unknown, line: SourceLine): DockerfileError {
  if (!(error instanceof Error) || error.name === "DockerfileError") throw error;
  if (error instanceof LineError) throw located(error, line.range);
  return parseError(error.message, line.range);
}

type Parsed<K extends Keyword> = Omit<Extract<Instruction, { keyword: K }>, "range" | "text">;

const parsers: { [K in Keyword]: (parts: Parts) => Parsed<K> } = {
  ADD: (parts) => ({
    keyword: "ADD",
    checksum: parts.flags.string("checksum"),
    keepGitDir: parts.flags.boolean("keep-git-dir"),
    unpack: parts.flags.boolean("unpack"),
    ...parseCopy(parts),
  }),
  ARG: (parts) => ({ keyword: "ARG", args: parseArgs(parts), comments: parts.line.comments }),
  CMD: (parts) => ({ keyword: "CMD", command: command(parts) }),
  COPY: (parts) => ({ keyword: "COPY", from: parts.flags.string("from"), ...parseCopy(parts) }),
  ENTRYPOINT: (parts) => ({ keyword: "ENTRYPOINT", command: command(parts) }),
  ENV: (parts) => ({ keyword: "ENV", pairs: keyValues("ENV", parts.rest, parts.escapeToken) }),
  EXPOSE: (parts) => ({ keyword: "EXPOSE", ports: atLeastOne(parts, plainWords(parts.rest)) }),
  FROM: parseFrom,
  HEALTHCHECK: (parts) => ({ keyword: "HEALTHCHECK", health: parseHealthcheck(parts) }),
  LABEL: (parts) => ({ keyword: "LABEL", pairs: keyValues("LABEL", parts.rest, parts.escapeToken) }),
  MAINTAINER: (parts) => ({ keyword: "MAINTAINER", maintainer: exactlyOne(parts) }),
  ONBUILD: parseOnbuild,
  RUN: (parts) => ({
    keyword: "RUN",
    mounts: parts.flags.strings("mount").map((text) => parseRunMount(text)),
    network: oneOf(parts, "network", ["default", "none", "host"]),
    security: oneOf(parts, "security", ["sandbox", "insecure"]),
    devices: parts.flags.strings("device"),
    command: command(parts),
  }),
  SHELL: (parts) => {
    if (parts.rest === "") throw new Error("SHELL requires at least one argument");
    const shell = jsonList(parts.rest);
    if (shell === undefined) throw new Error("SHELL requires the arguments to be in JSON form");
    if (shell.length === 0) throw new Error("SHELL requires at least one argument");
    return { keyword: "SHELL", shell };
  },
  STOPSIGNAL: (parts) => ({ keyword: "STOPSIGNAL", signal: exactlyOne(parts) }),
  USER: (parts) => ({ keyword: "USER", user: exactlyOne(parts) }),
  VOLUME: (parts) => {
    const volumes = atLeastOne(parts, listOrWords(parts.rest));
    if (volumes.some((volume) => volume.trim() === ""))
      throw new Error("VOLUME specified can not be an empty string");
    return { keyword: "VOLUME", volumes };
  },
  WORKDIR: (parts) => ({ keyword: "WORKDIR", path: exactlyOne(parts) }),
};

function atLeastOne(parts: Parts, words: string[]): string[] {
  if (words.length === 0) throw new Error(`${parts.keyword} requires at least one argument`);
  return words;
}

function exactlyOne(parts: Parts): string {
  if (parts.rest === "") throw new Error(`${parts.keyword} requires exactly one argument`);
  return parts.rest;
}

function oneOf(parts: Parts, flag: string, allowed: readonly string[]): string | undefined {
  const value = parts.flags.string(flag);
  if (value !== undefined && !allowed.includes(value)) {
    const message =
      flag === "network" ? `invalid network mode "${value}"` : `security "${value}" is not valid`;
    throw new Error(withSuggestion(message, value, allowed));
  }
  return value;
}

function command({ rest, line }: Parts): Command {
  const words = jsonList(rest);
  return words === undefined ? { shell: true, line: rest, heredocs: line.heredocs } : { shell: false, words };
}

function parseArgs(parts: Parts): Parsed<"ARG">["args"] {
  const words = splitWords(parts.rest, parts.escapeToken).words;
  return atLeastOne(parts, words).map((word) => {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    if (name === "") throw new Error("ARG names can not be blank");
    return { name, value: equals < 0 ? undefined : word.slice(equals + 1) };
  });
}

const stageName = /^[a-z][a-z0-9\-_.]*$/;

function parseFrom(parts: Parts): Parsed<"FROM"> {
  const words = plainWords(parts.rest);
  const [image, as, name] = words;
  if (image === undefined || !(words.length === 1 || (words.length === 3 && as?.toUpperCase() === "AS"))) {
    throw new Error("FROM requires either one or three arguments");
  }
  if (name !== undefined && !stageName.test(name.toLowerCase())) {
    const rule = "name can't start with a number or contain symbols";
    throw new Error(`invalid name for build stage: ${JSON.stringify(name)}, ${rule}`);
  }
  const platform = parts.flags.string("platform") || undefined;
  return { keyword: "FROM", image, name, platform, as: as ?? "", from: parts.written };
}

function parseOnbuild(parts: Parts): Parsed<"ONBUILD"> {
  const trigger = parts.rest;
  if (trigger === "") throw new Error("ONBUILD requires at least one argument");
  const word = (plainWords(trigger)[0] ?? "").toUpperCase();
  if (word === "ONBUILD") throw new Error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (word === "FROM" || word === "MAINTAINER")
    throw new Error(`${word} isn't allowed as an ONBUILD trigger`);
  const heredocs = parts.line.heredocs.map(({ content, name }) => `\n${content}${name}`).join("");
  return { keyword: "ONBUILD", trigger: trigger + heredocs };
}
