import { matchesPattern } from "../base/filters.ts";
import { shortId } from "../base/ids.ts";
import { keyValue } from "../base/key-value.ts";
import type { Container } from "./container.ts";

/**
 * The labels and variables that the log options `labels`, `labels-regex`, `env` and `env-regex` ask to be written with
 * every line (`logs --details` shows them).
 */
export function logAttributes(container: Container): { attributes?: Record<string, string> } {
  const options = container.spec.hostConfig.LogConfig?.Config ?? {};
  const variables = Object.fromEntries((container.spec.config.Env ?? []).map(keyValue));
  const attributes = {
    ...chosen(container.spec.config.Labels ?? {}, options.labels, options["labels-regex"]),
    ...chosen(variables, options.env, options["env-regex"]),
    ...(options.tag ? { tag: tagOf(container, options.tag) } : {}),
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

/** The log option `tag`: a template that may name what identifies the container and its image. */
function tagOf(container: Container, template: string): string {
  const { id, name, spec } = container;
  const values: Record<string, string> = {
    ID: shortId(id),
    FullID: id,
    Name: name,
    ImageID: shortId(spec.imageId),
    ImageFullID: spec.imageId,
    ImageName: spec.config.Image ?? "",
    DaemonName: "docker",
  };
  return template.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (whole, field: string) => values[field] ?? whole);
}
