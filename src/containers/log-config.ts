import { EngineError, invalidArgument, isEngineError, messageOf } from "../base/errors.ts";
import { keyValue } from "../base/key-value.ts";
import { isReadable } from "../runtime/logs/options.ts";
import type { LogConfig } from "../runtime/supervisor/protocol.ts";
import type { Container } from "./container.ts";
import { logTag } from "./log-tag.ts";
import { type ContainerPaths, containerPaths, type Roots } from "./paths.ts";

/** The driver and options that a container's log has; those of json-file where it says nothing. */
export function logSettings({ spec }: Container): { driver: string; options: Record<string, string> } {
  const { Type, Config } = spec.hostConfig.LogConfig ?? {};
  return { driver: Type || "json-file", options: Config ?? {} };
}

/** Where what `docker logs` reads is; undefined when the container has no log that can be read. */
export function readableLog(roots: Roots, container: Container): string | undefined {
  const { driver, options } = logSettings(container);
  return isReadable(driver, options) ? logPath(containerPaths(roots, container.id), driver) : undefined;
}

function logPath(paths: ContainerPaths, driver: string): string {
  if (driver === "local") return paths.localLog;
  return driver === "json-file" ? paths.log : paths.cachedLog;
}

/** What the supervisor needs to log a container's output. Throws `invalidArgument`, in Docker's words. */
export function logConfigOf(roots: Roots, container: Container): LogConfig {
  const { driver, options } = logSettings(container);
  const path = logPath(containerPaths(roots, container.id), driver);
  if (driver === "none") return { driver, path, options };
  try {
    // Drivers that write files tag nothing that nobody has asked for.
    const isFile = driver === "json-file" || driver === "local";
    const template = options.tag || (isFile ? "" : "{{.ID}}");
    const tag = template === "" ? "" : logTag(container, template);
    const attributes = { ...attributesOf(container, options), ...(isFile && tag ? { tag } : {}) };
    const { id, name, spec } = container;
    return {
      driver,
      path,
      options,
      ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
      ...(isFile ? {} : { tag, source: { id, name, image: spec.config.Image ?? "" } }),
    };
  } catch (error) {
    const code = isEngineError(error) ? error.code : "invalidArgument";
    const what = "failed to create task for container: failed to initialize logging driver";
    throw new EngineError(code, `${what}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * The labels and variables that the log options `labels`, `labels-regex`, `env` and `env-regex` ask to be written with
 * every line (`logs --details` shows them).
 */
function attributesOf(
  { spec }: Container,
  options: Readonly<Record<string, string>>,
): Record<string, string> {
  const variables = Object.fromEntries((spec.config.Env ?? []).map(keyValue));
  return {
    ...chosen(spec.config.Labels ?? {}, options.labels, options["labels-regex"]),
    ...chosen(variables, options.env, options["env-regex"]),
  };
}

function chosen(
  all: Readonly<Record<string, string>>,
  names: string | undefined,
  pattern: string | undefined,
): Record<string, string> {
  const listed = (names ?? "").split(",");
  const regex = pattern ? compile(pattern) : undefined;
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => listed.includes(name) || regex?.test(name)),
  );
}

/** Throws `invalidArgument`, for the commonest mistakes in Go's words. */
function compile(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (error) {
    const why = /\)/.test(messageOf(error))
      ? "missing closing )"
      : /character class/.test(messageOf(error))
        ? "missing closing ]"
        : "invalid syntax";
    throw invalidArgument(`error parsing regexp: ${why}: \`${pattern}\``, error);
  }
}
