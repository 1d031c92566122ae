import { matchesPattern } from "../base/filters.ts";
import type { Container } from "./container.ts";

/**
 * The labels and variables that the log options `labels`, `labels-regex`, `env` and `env-regex` ask to be written with
 * every line (`logs --details` shows them).
 */
export function logAttributes(container: Container): { attributes?: Record<string, string> } {
  const options = container.spec.hostConfig.LogConfig?.Config ?? {};
  const variables = Object.fromEntries(
    (container.spec.config.Env ?? []).map((entry) => {
      const equals = entry.indexOf("=");
      return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
  const attributes = {
    ...chosen(container.spec.config.Labels ?? {}, options.labels, options["labels-regex"]),
    ...chosen(variables, options.env, options["env-regex"]),
  };
  return Object.keys(attributes).length > 0 ? { attributes } : {};
}

function chosen(
  all: Readonly<Record<string, string>>,
  names: string | undefined,
  pattern: string | undefined,
): Record<string, string> {
  const listed = (names ?? "").split(",");
  return Object.fromEntries(
    Object.entries(all).filter(
      ([name]) => listed.includes(name) || (pattern !== undefined && matchesPattern(pattern, name)),
    ),
  );
}
