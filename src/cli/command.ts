import type { Cli } from "./cli.ts";
import type { FlagSet, FlagValues } from "./flags.ts";

/** How many arguments a command takes; the texts of the errors are made from it. */
export interface ArgumentRule {
  readonly least: number;
  readonly most: number;
}

export const noArguments: ArgumentRule = { least: 0, most: 0 };
export const exactly = (count: number): ArgumentRule => ({ least: count, most: count });
export const atLeast = (count: number): ArgumentRule => ({ least: count, most: Number.POSITIVE_INFINITY });
export const atMost = (count: number): ArgumentRule => ({ least: 0, most: count });
export const between = (least: number, most: number): ArgumentRule => ({ least, most });
export const anyArguments = atLeast(0);

/** One use of a command. */
export interface Invocation<F extends FlagSet = FlagSet> {
  readonly args: readonly string[];
  readonly flags: FlagValues<F>;
  /** True when the command line names the flag. */
  readonly changed: (name: keyof F & string) => boolean;
  /** The command as it was called: `docker container run`. */
  readonly path: string;
}

/** A command: what it takes and what it does. Each has a file of its own, loaded when it is called. */
export interface Command<F extends FlagSet = FlagSet> {
  /** What stands behind the name in the usage line: `[OPTIONS] IMAGE [COMMAND] [ARG...]`. */
  readonly usage: string;
  readonly args: ArgumentRule;
  readonly flags: F;
  /** False: the first argument ends the flags, as in `run IMAGE -x`. */
  readonly interspersed?: boolean;
  /** Resolves to the exit code (0 when it says nothing); throws what ends the client. */
  readonly run: (cli: Cli, invocation: Invocation<F>) => Promise<number | undefined>;
}

/** Declares a command, with the types of its flags. */
export function command<const F extends FlagSet>(declared: Command<F>): Command {
  return declared as unknown as Command;
}

/** A place in the tree of commands: a command, or a noun that has commands. */
export interface CommandNode {
  readonly name: string;
  /** Other names in the same place (`rm`, `remove`). */
  readonly aliases?: readonly string[];
  /** All ways to call it, as help lists them. */
  readonly paths?: readonly string[];
  readonly short: string;
  readonly group?: "common" | "management";
  /** Not in help. */
  readonly hidden?: boolean;
  /** The least API version of a daemon that can do it. */
  readonly since?: string;
  readonly load?: () => Promise<{ readonly default: Command }>;
  readonly children?: readonly CommandNode[];
}
