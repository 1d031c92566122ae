import type { Dockerfile } from "./dockerfile.ts";
import { commentOn, type Location, locationOf } from "./location.ts";

/** A stage that can be built (BuildKit's `frontend.targets`); what has no value is left out. */
export interface Target {
  name?: string;
  default?: true;
  description?: string;
  base?: string;
  platform?: string;
  location: Location;
}

/** The stages in their order; the last one is built when nobody names one. */
export function targetsOf({ stages }: Dockerfile): Target[] {
  return stages.map(({ from, name, index, comments }) => {
    const description = commentOn(comments, from.name ?? "");
    return {
      ...(name !== "" && { name }),
      ...(index === stages.length - 1 && { default: true as const }),
      ...(description !== "" && { description }),
      base: from.image,
      ...(from.platform !== undefined && { platform: from.platform }),
      location: locationOf(from.range),
    };
  });
}
