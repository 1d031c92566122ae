import { readFileSync } from "node:fs";
import { EngineError, errnoOf, invalidArgument, messageOf } from "../../base/errors.ts";
import { checkConfig } from "./check.ts";
import { parseConfigFile } from "./file.ts";
import { type Given, optionOf, parseFlags } from "./flags.ts";
import { type DaemonConfig, type OptionName, options } from "./options.ts";

export type { DaemonConfig } from "./options.ts";

export interface LoadedConfig {
  readonly config: DaemonConfig;
  /** What a flag or the file gave, as opposed to a default. */
  readonly given: ReadonlySet<OptionName>;
}

type ReadFile = (path: string) => string;

/**
 * What flags and daemon.json say together. A file that is not there is an error only where it was asked for. Throws
 * `invalidArgument` with Docker's texts.
 */
export function loadConfig(
  argv: readonly string[],
  readFile: ReadFile = (path) => readFileSync(path, "utf8"),
): LoadedConfig {
  const flags = parseFlags(argv);
  if (flags.help || flags.version) return merge(flags, {});
  const path = flags.configFile ?? options.configFile.initial;
  let loaded: LoadedConfig;
  try {
    const text = readIfThere(path, flags.configFile !== undefined, readFile);
    loaded = merge(flags, text === undefined ? {} : parseConfigFile(text, flags));
    checkMerged(loaded);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalidArgument(
      `unable to configure the Docker daemon with file ${path}: ${messageOf(error)}`,
      error,
    );
  }
  return loaded;
}

function checkMerged(loaded: LoadedConfig): void {
  try {
    checkConfig(loaded);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalidArgument(
      `merged configuration validation from file and command line flags failed: ${error.message}`,
      error,
    );
  }
}

function readIfThere(path: string, required: boolean, readFile: ReadFile): string | undefined {
  try {
    return readFile(path);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" && !required) return undefined;
    const reason = code === "ENOENT" ? "no such file or directory" : messageOf(error);
    throw invalidArgument(`open ${path}: ${reason}`, error);
  }
}

function merge(flags: Given, file: Given): LoadedConfig {
  const given = new Set<OptionName>();
  const config: Record<string, unknown> = {};
  for (const name of Object.keys(options) as OptionName[]) {
    const both = optionOf(name).mayRepeat && flags[name] !== undefined && file[name] !== undefined;
    const value = both
      ? { ...(file[name] as object), ...(flags[name] as object) }
      : (flags[name] ?? file[name]);
    if (value !== undefined) given.add(name);
    config[name] = value ?? optionOf(name).initial;
  }
  return { config: config as unknown as DaemonConfig, given };
}
