import { EngineError, invalidArgument } from "../../base/errors.ts";
import type { Option } from "./option.ts";
import { type DaemonConfig, type OptionName, options } from "./options.ts";

/** The settings that the command line gives. */
export type Given = { -readonly [Name in OptionName]?: DaemonConfig[Name] };

const entries = Object.entries(options) as [OptionName, Option][];
const byFlag = new Map(entries.map(([name, option]) => [option.flag, name]));
const byShort = new Map(entries.map(([name, option]) => [option.short, name]));

/** Ends the message of an error in the command line. */
const seeHelp = "\nSee 'dockerd --help'.";

/**
 * Parses the arguments of dockerd as pflag does: `--flag value`, `--flag=value`, `-Hvalue`, `-D`. Throws
 * `invalidArgument` with Docker's texts.
 */
export function parseFlags(argv: readonly string[]): Given {
  const given: Record<string, unknown> = {};
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === "--") continue;
    if (argument.startsWith("--")) parseLong(argument, rest, given);
    else if (argument.startsWith("-") && argument.length > 1) parseShort(argument, rest, given);
    else throw invalidArgument(`"dockerd" accepts no argument(s).${seeHelp}`);
  }
  return given as Given;
}

function parseLong(argument: string, rest: string[], given: Record<string, unknown>): void {
  const equals = argument.indexOf("=");
  const flag = argument.slice(2, equals < 0 ? undefined : equals);
  const name = byFlag.get(flag);
  if (name === undefined) throw invalidArgument(`unknown flag: --${flag}${seeHelp}`);
  const value = equals < 0 ? undefined : argument.slice(equals + 1);
  set(name, value ?? argumentOf(name, `--${flag}`, rest), given);
}

function parseShort(argument: string, rest: string[], given: Record<string, unknown>): void {
  for (let letters = argument.slice(1); letters !== ""; ) {
    const letter = letters.slice(0, 1);
    const name = byShort.get(letter);
    if (name === undefined) {
      throw invalidArgument(`unknown shorthand flag: '${letter}' in ${argument}${seeHelp}`);
    }
    letters = letters.slice(1);
    const isSwitch = optionOf(name).placeholder === "";
    if (letters !== "" && (!isSwitch || letters.startsWith("="))) {
      set(name, letters.replace(/^=/, ""), given);
      return;
    }
    set(name, isSwitch ? "true" : (rest.shift() ?? missing(`'${letter}' in ${argument}`)), given);
  }
}

function argumentOf(name: OptionName, shown: string, rest: string[]): string {
  if (optionOf(name).placeholder === "") return "true";
  return rest.shift() ?? missing(shown);
}

function missing(shown: string): never {
  throw invalidArgument(`flag needs an argument: ${shown}${seeHelp}`);
}

export function optionOf(name: OptionName): Option {
  return options[name] as unknown as Option;
}

function set(name: OptionName, text: string, given: Record<string, unknown>): void {
  const option = optionOf(name);
  try {
    const value = option.parse(text, given[name] ?? option.initial);
    option.check?.(value);
    given[name] = value;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const shown = option.short === undefined ? `--${option.flag}` : `-${option.short}, --${option.flag}`;
    throw invalidArgument(
      `invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${error.message}${seeHelp}`,
      error,
    );
  }
}
