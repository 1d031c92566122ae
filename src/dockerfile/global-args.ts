import type { Platform } from "../oci/platform.ts";
import type { Dockerfile } from "./dockerfile.ts";
import { located } from "./errors.ts";
import { platformArgs, Words } from "./variables.ts";

/** What is known before the first `FROM`. */
export interface GlobalArgs {
  /** What is known by itself, and `ARG`s, with the arguments of the build. */
  values: ReadonlyMap<string, string>;
  /** `ARG`s, with a value or without one. */
  declared: ReadonlySet<string>;
  /** The values as if the build was given no arguments. */
  defaults: ReadonlyMap<string, string>;
}

/** Reads the `ARG`s before the first `FROM`. Throws `DockerfileError`. */
export function readGlobalArgs(
  dockerfile: Dockerfile,
  given: { args: ReadonlyMap<string, string>; platform: Platform; target: string },
): GlobalArgs {
  const declared = new Set(dockerfile.globalArgs.flatMap(({ args }) => args.map(({ name }) => name)));
  const values = evaluate(dockerfile, given, given.args);
  return {
    values,
    declared,
    defaults: given.args.size === 0 ? values : evaluate(dockerfile, given, new Map()),
  };
}

function evaluate(
  { directives, globalArgs }: Dockerfile,
  { platform, target }: { platform: Platform; target: string },
  args: ReadonlyMap<string, string>,
): Map<string, string> {
  const values = platformArgs(platform, target);
  const words = new Words(directives.escape, (name) => values.get(name));
  for (const { args: declared, range } of globalArgs) {
    for (const { name, value } of declared) {
      try {
        const result = args.get(name) ?? (value === undefined ? undefined : words.word(value));
        if (result !== undefined) values.set(name, result);
      } catch (error) {
        throw located(error, range);
      }
    }
  }
  return values;
}
