import { versionAtLeast } from "../api/version.ts";
import { Cli } from "./cli.ts";
import type { ArgumentRule, Command, CommandNode } from "./command.ts";
import { errorText, exitCodeOf, isCancelled, StatusError } from "./exit.ts";
import { FlagError, type FlagSet, type ParsedFlags, parseFlags } from "./flags.ts";
import { globalFlagSet, globalFlags } from "./globals.ts";
import { exitOnInterrupt } from "./interrupt.ts";
import { outputOn, outputWritten } from "./streams.ts";
import { tree } from "./tree.ts";
import { versionLine } from "./version.ts";

const logLevels = new Set(["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"]);

/** Runs the client with the arguments after its name; resolves to the exit code. Errors are printed. */
export async function runClient(argv: readonly string[]): Promise<number> {
  try {
    const code = await dispatch(argv);
    await outputWritten();
    return code;
  } catch (error) {
    if (!isCancelled(error)) {
      const text = errorText(error);
      if (text !== "") outputOn(2).write(`${text}\n`);
    }
    return exitCodeOf(error);
  }
}

function flagProblem(error: unknown, usage: string, path: string): unknown {
  if (!(error instanceof FlagError)) return error;
  const text = `${error.message}\n\nUsage:  ${usage}\n\nRun '${path} --help' for more information`;
  return new StatusError(125, text);
}

function readFlags(
  flags: FlagSet,
  argv: readonly string[],
  interspersed: boolean,
  usage: string,
  path: string,
): ParsedFlags {
  try {
    return parseFlags(flags, argv, interspersed);
  } catch (error) {
    throw flagProblem(error, usage, path);
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const flags = globalFlagSet();
  const parsed = readFlags(flags, argv, false, "docker [OPTIONS] COMMAND [ARG...]", "docker");
  const globals = globalFlags(parsed);
  const cli = new Cli(globals);
  if (!logLevels.has(globals["log-level"].toLowerCase())) {
    throw new StatusError(1, `Unable to parse logging level: ${globals["log-level"]}`);
  }
  if (globals.version) {
    cli.print(versionLine);
    return 0;
  }
  const [name, ...rest] = parsed.args;
  if (name === undefined) {
    const { rootHelp } = await import("./help.ts");
    (parsed.helpAsked ? cli.out : cli.err).write(rootHelp(tree, flags));
    return 0;
  }
  if (name === "help") return await helpCommand(cli, rest, flags);
  const node = find(tree, name);
  if (!node) {
    const { runPlugin } = await import("./plugins.ts");
    const code = await runPlugin(cli, name, argv);
    if (code !== undefined) return code;
    throw new StatusError(
      1,
      `docker: unknown command: docker ${name}\n\nRun 'docker --help' for more information`,
    );
  }
  return await runNode(cli, node, `docker ${node.name}`, rest, parsed.helpAsked);
}

function find(nodes: readonly CommandNode[], name: string): CommandNode | undefined {
  return nodes.find((node) => node.name === name || node.aliases?.includes(name));
}

async function helpCommand(cli: Cli, words: readonly string[], flags: FlagSet): Promise<number> {
  const help = await import("./help.ts");
  let nodes: readonly CommandNode[] = tree;
  let node: CommandNode | undefined;
  let path = "docker";
  for (const word of words) {
    node = find(nodes, word);
    if (!node) throw new StatusError(1, `unknown help topic: ${words.join(" ")}`);
    path += ` ${node.name}`;
    nodes = node.children ?? [];
  }
  if (!node) cli.out.write(help.rootHelp(tree, flags));
  else if (node.load) cli.out.write(help.commandHelp(path, node, (await node.load()).default));
  else cli.out.write(help.groupHelp(path, node));
  return 0;
}

async function runNode(
  cli: Cli,
  node: CommandNode,
  path: string,
  argv: readonly string[],
  helpAsked: boolean,
): Promise<number> {
  if (node.load) return await runCommand(cli, node, path, (await node.load()).default, argv, helpAsked);
  const parsed = readFlags({}, argv, false, path, path);
  const [name, ...rest] = parsed.args;
  if (name === undefined || parsed.helpAsked) {
    const { groupHelp } = await import("./help.ts");
    (parsed.helpAsked || helpAsked ? cli.out : cli.err).write(groupHelp(path, node));
    return 0;
  }
  const child = find(node.children ?? [], name);
  if (child) return await runNode(cli, child, `${path} ${child.name}`, rest, helpAsked);
  throw new StatusError(
    1,
    `docker: unknown command: ${path} ${name}\n\nUsage:  ${path}\n\nRun '${path} --help' for more information`,
  );
}

async function runCommand(
  cli: Cli,
  node: CommandNode,
  path: string,
  command: Command,
  argv: readonly string[],
  helpAsked: boolean,
): Promise<number> {
  const usage = `${path} ${command.usage}`.trimEnd();
  const parsed = readFlags(command.flags, argv, command.interspersed ?? true, usage, path);
  if (parsed.helpAsked || helpAsked) {
    const { commandHelp } = await import("./help.ts");
    if (parsed.shortHelp) cli.print("Flag shorthand -h has been deprecated, use --help");
    cli.out.write(commandHelp(path, node, command));
    return 0;
  }
  const wrong = argumentProblem(path, usage, command.args, parsed.args.length);
  if (wrong) throw new StatusError(1, wrong);
  exitOnInterrupt();
  await checkVersions(cli, node, command, parsed, path);
  try {
    const code = await command.run(cli, {
      args: parsed.args,
      flags: parsed.values,
      changed: (name) => parsed.changed.has(name),
      path,
    });
    return code ?? 0;
  } finally {
    await cli.close();
  }
}

function argumentProblem(path: string, usage: string, rule: ArgumentRule, count: number): string | undefined {
  const { least, most } = rule;
  if (count >= least && count <= most) return undefined;
  const plural = (n: number) => `${n} argument${n === 1 ? "" : "s"}`;
  const say = (what: string, hint: string) =>
    `docker: '${path}' ${what}\n\nUsage:  ${usage}\n\n${hint} '${path} --help' for more information`;
  if (most === 0) return say("accepts no arguments", "Run");
  if (least === most) return say(`requires ${plural(least)}`, "Run");
  if (most === Number.POSITIVE_INFINITY) return say(`requires at least ${plural(least)}`, "See");
  // "SRun" stands in the Go client's text, and people's scripts compare whole outputs.
  if (least === 0) return say(`requires at most ${plural(most)}`, "SRun");
  return say(`requires at least ${least} and at most ${plural(most)}`, "Run");
}

/** Refuses what the daemon is too old for, before anything is sent. Asks the daemon only where it matters. */
async function checkVersions(
  cli: Cli,
  node: CommandNode,
  command: Command,
  parsed: ParsedFlags,
  path: string,
): Promise<void> {
  const gated: [name: string, since: string][] = [];
  const foreign: string[] = [];
  for (const name of parsed.changed) {
    const { since, deprecated, windows } = command.flags[name] ?? {};
    if (since !== undefined) gated.push([name, since]);
    if (deprecated) cli.printError(deprecated);
    if (windows) foreign.push(name);
  }
  if (foreign.length > 0) {
    const why =
      "is only supported on a Docker daemon running on windows, but the Docker daemon is running on linux";
    const errors = foreign.sort().map((name) => `"--${name}" ${why}`);
    throw new StatusError(1, errors.join("\n"));
  }
  if (gated.length === 0 && node.since === undefined) return;
  const version = await (await cli.client()).negotiate();
  const refuse = (what: string, since: string) =>
    new StatusError(
      1,
      `${what} requires API version ${since}, but the Docker daemon API version is ${version}`,
    );
  if (node.since && !versionAtLeast(version, node.since)) throw refuse(path, node.since);
  const errors = gated.flatMap(([name, since]) =>
    versionAtLeast(version, since) ? [] : [refuse(`"--${name}"`, since).message],
  );
  if (errors.length > 0) throw new StatusError(1, errors.join("\n"));
}
