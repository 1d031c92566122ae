import type { Filters } from "../base/filters.ts";
import { hasLabel } from "../base/filters.ts";
import { familiarName, parseReference } from "../oci/reference.ts";
import type { EngineEvent } from "./events.ts";

export const eventFilters = [
  "config",
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "node",
  "plugin",
  "scope",
  "secret",
  "service",
  "type",
  "volume",
];

/** Filters that name one object, by its id or name or the beginning of one; whatever its type is. */
const objects = ["config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"];

/** Actions with something after a colon: asking for one of them asks for all that begin like an `event` filter. */
const detailed = ["exec_create", "exec_start", "health_status"];

/** True when `event` passes every filter; values of one filter are alternatives, but all labels must hold. */
export function matchesFilters(event: EngineEvent, filters: Filters): boolean {
  const { ID: id, Attributes: attributes } = event.Actor;
  const begins = (wanted: string) => id.startsWith(wanted) || (attributes.name ?? "").startsWith(wanted);
  const byBeginning = filters.get("event").some((wanted) => detailed.includes(wanted));
  return (
    filters.exact("type", event.Type) &&
    filters.exact("scope", event.scope) &&
    filters.any("event", (wanted) =>
      byBeginning ? event.Action.startsWith(wanted) : event.Action === wanted,
    ) &&
    filters.get("label").every((wanted) => hasLabel(attributes, wanted)) &&
    objects.every((object) => filters.any(object, begins)) &&
    filters.any("image", (wanted) => imageMatches(event, wanted))
  );
}

/** `busybox` stands for every tag of it; a container's events match by its image. */
function imageMatches(event: EngineEvent, wanted: string): boolean {
  const { ID: id, Attributes: attributes } = event.Actor;
  const image = (event.Type === "image" ? attributes.name : attributes.image) ?? "";
  return [id, image].some((name) => name === wanted || withoutTag(name) === wanted);
}

function withoutTag(name: string): string {
  try {
    return familiarName(parseReference(name));
  } catch {
    // An id, or nothing.
    return name;
  }
}
