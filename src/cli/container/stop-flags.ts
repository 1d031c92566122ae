import { invalidArgument } from "../../base/errors.ts";
import type { Invocation } from "../command.ts";
import { flag } from "../flags.ts";

/** Flags of `stop` and `restart`. */
export const stopFlags = {
  signal: flag.string("Signal that asks the container to end", { short: "s", since: "1.42" }),
  time: flag.int("Seconds that it may take", { hidden: true }),
  timeout: flag.int("Seconds that it may take, after which it is ended", { short: "t" }),
};

/** Seconds that a container may take to end; undefined leaves it to the container's own setting. */
export function stopTimeout({ flags, changed }: Invocation<typeof stopFlags>): number | undefined {
  if (changed("time") && changed("timeout")) {
    throw invalidArgument("conflicting options: cannot specify both --timeout and --time");
  }
  if (changed("timeout")) return flags.timeout;
  return changed("time") ? flags.time : undefined;
}
