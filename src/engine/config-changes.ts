import { resolve } from "node:path/posix";
import { invalidArgument } from "../base/errors.ts";
import { applyToConfig, ownConfig } from "../builder/instruction-config.ts";
import { parseTrigger } from "../dockerfile/dockerfile.ts";
import { DockerfileError } from "../dockerfile/errors.ts";
import { ExpandError } from "../dockerfile/expand.ts";
import type { Instruction } from "../dockerfile/instruction.ts";
import { Environment, Words } from "../dockerfile/variables.ts";
import type { ImageRunConfig } from "../oci/image-config.ts";

/** Instructions of a Dockerfile that only change the configuration: what `--change` takes. */
const allowed = new Set(
  "CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR".split(" "),
);

/** `config` with the instructions applied, one after another. Throws `invalidArgument` with Docker's words. */
export function applyChanges(config: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  const instructions = changes
    .map((change) => change.trim())
    .filter((change) => change !== "" && !change.startsWith("#"));
  if (changes.length > 0 && instructions.length === 0) throw invalidArgument("file with no instructions");
  return instructions.reduce(applyChange, config);
}

function applyChange(
  config: ImageRunConfig,
  change: string,
  index: number,
  changes: readonly string[],
): ImageRunConfig {
  const name = change.split(/\s/, 1)[0] ?? "";
  if (!allowed.has(name.toUpperCase())) throw invalidArgument(`${name} is not a valid change command`);
  try {
    const hasCommand = changes.slice(0, index).some((earlier) => /^cmd\s/i.test(earlier));
    return applied(config, parseTrigger(change), hasCommand);
  } catch (error) {
    // There is no file whose line would help.
    if (error instanceof DockerfileError)
      throw invalidArgument(error.message.replace(/^.* on line 1: /, ""), error);
    if (error instanceof ExpandError) throw invalidArgument(error.message, error);
    throw error;
  }
}

function applied(config: ImageRunConfig, instruction: Instruction, hasCommand: boolean): ImageRunConfig {
  const env = new Environment(config.Env);
  const words = new Words("\\", (name) => env.get(name));
  if (instruction.keyword === "WORKDIR") {
    return { ...config, WorkingDir: resolve("/", config.WorkingDir ?? "", words.word(instruction.path)) };
  }
  const { ArgsEscaped, ...changed } =
    applyToConfig(ownConfig(config), instruction, words, hasCommand)?.config ?? config;
  // That a command's words are kept apart is said by builds alone.
  return instruction.keyword === "CMD" || !ArgsEscaped ? changed : { ...changed, ArgsEscaped };
}
