import { invalidArgument } from "../../base/errors.ts";
import { atLeast, type Command, command, type Invocation } from "../command.ts";
import { flag } from "../flags.ts";
import { eachContainer } from "./each.ts";

const stopFlags = {
  signal: flag.string("Signal that asks the container to end", { short: "s", since: "1.42" }),
  time: flag.int("Seconds that it may take", { hidden: true }),
  timeout: flag.int("Seconds that it may take, after which it is ended", { short: "t" }),
};

/** Seconds that a container may take to end; undefined leaves it to the container's own setting. */
function stopTimeout({ flags, changed }: Invocation<typeof stopFlags>): number | undefined {
  if (changed("time") && changed("timeout")) {
    throw invalidArgument("conflicting options: cannot specify both --timeout and --time");
  }
  if (changed("timeout")) return flags.timeout;
  return changed("time") ? flags.time : undefined;
}

/** `stop` and `restart`: they take the same, and differ in what the daemon does afterwards. */
export function stopCommand(operation: "ContainerStop" | "ContainerRestart"): Command {
  return command<typeof stopFlags>({
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    args: atLeast(1),
    flags: stopFlags,
    run: (cli, invocation) => {
      const query = { signal: invocation.flags.signal || undefined, t: stopTimeout(invocation) };
      return eachContainer(cli, invocation.args, (client, id) =>
        client.call(operation, { params: { id }, query }),
      );
    },
  });
}
