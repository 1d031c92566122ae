import type { ContainersPruneResponse } from "../api/containers.ts";
import { invalidArgument } from "../base/errors.ts";
import type { Filters } from "../base/filters.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { parseTime } from "./logs.ts";
import { removeContainer } from "./remove.ts";
import { changedBytes } from "./size.ts";

export const pruneFilters = ["label", "label!", "until"];

/** Removes the containers that do not run. */
export async function pruneContainers(
  deps: ContainerDeps,
  filters: Filters,
): Promise<ContainersPruneResponse> {
  const until = pruneLimit(filters, deps.clock.nowNanos());
  const victims = deps.set.all().filter((container) => isPrunable(container, filters, until));
  const deleted: string[] = [];
  let reclaimed = 0;
  for (const container of victims) {
    const size = await changedBytes(deps, container);
    // It may have been started, or removed, since it was chosen.
    if (isRunning(container) || !deps.set.get(container.id)) continue;
    await removeContainer(deps, container);
    deleted.push(container.id);
    reclaimed += size;
  }
  deps.pruned(reclaimed);
  return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
}

/** The `until` filter in milliseconds since 1970. Throws `invalidArgument`. */
export function pruneLimit(filters: Filters, now: bigint): number | undefined {
  const values = filters.get("until");
  if (values.length > 1) throw invalidArgument("more than one until filter specified");
  const [value] = values;
  if (value === undefined) return undefined;
  const limit = parseLimit(value, now);
  return limit === undefined ? undefined : Number(limit / 1_000_000n);
}

function parseLimit(value: string, now: bigint): bigint | undefined {
  try {
    return parseTime(value, "until", now);
  } catch (error) {
    const quoted = JSON.stringify(value);
    throw invalidArgument(`failed to parse value as time or duration: ${quoted}`, error);
  }
}

function isPrunable(container: Container, filters: Filters, until: number | undefined): boolean {
  const labels = container.spec.config.Labels ?? {};
  return (
    !isRunning(container) &&
    (until === undefined || Date.parse(container.spec.created) < until) &&
    filters.labels(labels) &&
    !(filters.has("label!") && filters.labels(labels, "label!"))
  );
}
