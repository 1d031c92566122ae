import type { Filters } from "../api/operation.ts";
import { filterFlag } from "./filter-flag.ts";
import { flag } from "./flags.ts";

/** Flags of everything that removes what is not used. */
export const pruneFlags = {
  filter: filterFlag("Remove only what fits (as 'label=<key>=<value>')", null),
  force: flag.bool("Do not ask first", { short: "f" }),
};

/** Filters, and those that config.json sets for every prune, which come first. */
export function pruneFilters(fromConfig: readonly string[] | undefined, given: Readonly<Filters>): Filters {
  const merged: Filters = { ...given };
  for (const text of fromConfig ?? []) {
    const equals = text.indexOf("=");
    if (equals < 0) continue;
    const name = text.slice(0, equals);
    // What is given on the command line wins over the opposite in the file.
    const value = text.slice(equals + 1);
    const opposite = name === "label" ? "label!" : "label";
    if (merged[opposite]?.includes(value)) continue;
    merged[name] = [...(merged[name] ?? []), value];
  }
  return merged;
}
