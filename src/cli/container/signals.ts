import type { Client } from "../../client/client.ts";

/**
 * The signals that are sent on: all that can be caught, but those that tell of this very process (faults, its children,
 * a broken pipe) and of its terminal's size.
 */
const forwarded = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTERM",
  "SIGCONT",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGPROF",
  "SIGIO",
  "SIGPWR",
] as const;

/** Sends every signal that this process gets on to the container. Disposing stops it. */
export function forwardSignals(client: Client, container: string): Disposable {
  const added: [NodeJS.Signals, () => void][] = [];
  for (const name of forwarded) {
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
