import { constants } from "node:os";
import type { Client } from "../../client/client.ts";

/** Signals that this process keeps to itself, or cannot catch. */
const own = new Set(["SIGCHLD", "SIGPIPE", "SIGURG", "SIGKILL", "SIGSTOP", "SIGWINCH"]);
/** Those that tell of a fault in this very process. */
const faults = new Set(["SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS", "SIGABRT", "SIGIOT"]);

/** Sends every signal that this process gets on to the container. Disposing stops it. */
export function forwardSignals(client: Client, container: string): Disposable {
  const names = Object.keys(constants.signals).filter((name) => !own.has(name) && !faults.has(name));
  const added: [NodeJS.Signals, () => void][] = [];
  for (const name of names as NodeJS.Signals[]) {
    const forward = () => {
      const call = client.call("ContainerKill", {
        params: { id: container },
        query: { signal: name.slice(3) },
      });
      // The container may have ended in the meantime; there is nobody to tell.
      call.catch(() => {});
    };
    try {
      process.on(name, forward);
      added.push([name, forward]);
    } catch {
      // The runtime does not let every signal be caught on every platform.
    }
  }
  return { [Symbol.dispose]: () => added.forEach(([name, forward]) => void process.off(name, forward)) };
}
