import type { Filters } from "../api/operation.ts";
import { type Flag, flag } from "./flags.ts";

/** `--filter name=value`, several times. */
export function filterFlag(help: string, short: string | null = "f"): Flag<Readonly<Filters>> {
  const parse = (text: string, before: Readonly<Filters>): Filters => {
    if (text === "") return before;
    const equals = text.indexOf("=");
    if (equals < 0) throw new Error("bad format of filter (expected name=value)");
    const name = text.slice(0, equals).trim().toLowerCase();
    const value = text.slice(equals + 1).trim();
    return { ...before, [name]: [...(before[name] ?? []), value] };
  };
  return flag.custom("filter", help, {}, parse, short === null ? {} : { short });
}

/** `--format` of a list. */
export const listFormatFlag = flag.string(
  `How to show each line:
'table':            A table with titles (default)
'table TEMPLATE':   A table with the columns of a Go template
'json':             JSON, one object a line
'TEMPLATE':         What a Go template makes of each`,
);

/** `--format` of a single thing. */
export const valueFormatFlag = flag.string(
  `How to show it:
'json':             JSON
'TEMPLATE':         What a Go template makes of it`,
  { short: "f" },
);
