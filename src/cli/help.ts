import type { Command, CommandNode } from "./command.ts";
import { flagUsages } from "./flags.help.ts";
import { type FlagSet, flag } from "./flags.ts";
import { terminalWidth } from "./terminal-width.ts";

function rows(nodes: readonly CommandNode[], width: number): string {
  return nodes.map((node) => `  ${node.name.padEnd(width)} ${node.short}\n`).join("");
}

function section(title: string, all: readonly CommandNode[]): string {
  const nodes = all.filter((node) => !node.hidden);
  if (nodes.length === 0) return "";
  // Names are padded within a list to its longest, and to eleven columns at least.
  const width = Math.max(11, ...nodes.map((node) => node.name.length));
  return `${title}:\n${rows(nodes, width)}\n`;
}

function options(title: string, flags: FlagSet): string {
  const text = flagUsages(flags, terminalWidth() - 1);
  return text === "" ? "" : `${title}:\n${text}`;
}

/** Help of the client itself. */
export function rootHelp(root: readonly CommandNode[], flags: FlagSet): string {
  const by = (group: CommandNode["group"]) => root.filter((node) => node.group === group);
  const management = by("management").toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const rest = by(undefined).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return [
    "Usage:  docker [OPTIONS] COMMAND\n\nRuns containers, and manages them, their images and their data\n\n",
    section("Common Commands", by("common")),
    section("Management Commands", management),
    section("Commands", rest),
    options("Global Options", flags),
    "\nRun 'docker COMMAND --help' for more information on a command.\n",
  ].join("");
}

/** Help of a noun: its commands. */
export function groupHelp(path: string, node: CommandNode): string {
  return [
    `Usage:  ${path} COMMAND\n\n${node.short}\n\n`,
    section("Commands", node.children ?? []),
    `Run '${path} COMMAND --help' for more information on a command.\n`,
  ].join("");
}

/** The usage line or lines of a command. */
export function usageLine(path: string, command: Command): string {
  return `${path} ${command.usage}`.trimEnd();
}

/** Help of one command. */
export function commandHelp(path: string, node: CommandNode, command: Command): string {
  const aliases = node.paths ? `\nAliases:\n  ${node.paths.join(", ")}\n` : "";
  // Help has no short form where its letter is taken; so it is listed there.
  const taken = Object.values(command.flags).some(({ short }) => short === "h");
  const help = taken ? { help: flag.bool("Show this text") } : {};
  const flags = options("Options", { ...command.flags, ...help });
  return `Usage:  ${usageLine(path, command)}\n\n${node.short}\n${aliases}${flags === "" ? "" : `\n${flags}`}`;
}
