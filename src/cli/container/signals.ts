import type { Client } from "../../client/client.ts";
import { forwardInterrupts } from "../interrupt.ts";

/**
 * The signals that are sent on besides interrupts: all that can be caught, but those that tell of this very process
 * (faults, its children, a broken pipe) and of its terminal's size.
 */
const forwarded = [
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
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
  const send = (name: string) => {
    const query = { signal: name.slice("SIG".length) };
    // The container may have ended in the meantime; there is nobody to tell.
    client.call("ContainerKill", { params: { id: container }, query }).catch(() => {});
  };
  const interrupts = forwardInterrupts(send);
  for (const name of forwarded) {
    const forward = () => send(name);
    try {
      process.on(name, forward);
      added.push([name, forward]);
    } catch {
      // The runtime does not let every signal be caught on every platform.
    }
  }
  return {
    [Symbol.dispose]: () => {
      interrupts[Symbol.dispose]();
      for (const [name, forward] of added) process.off(name, forward);
    },
  };
}
