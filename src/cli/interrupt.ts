/** signal(7); the same on all architectures of Linux. */
const numbers = { SIGINT: 2, SIGTERM: 15 } as const;

/** What to do with an interrupt instead of ending at once: attached commands send it on to the container. */
let forward: ((signal: "SIGINT" | "SIGTERM") => void) | undefined;
let received = 0;

/** Signals of which the third ends the client even while it sends them on: a container may ignore them for ever. */
const patience = 3;

function onSignal(signal: "SIGINT" | "SIGTERM"): void {
  if (!forward) process.exit(128 + numbers[signal]);
  received++;
  if (received >= patience) {
    process.stderr.write(`\ngot ${patience} SIGTERM/SIGINTs, forcefully exiting\n`);
    process.exit(1);
  }
  forward(signal);
}

/** From now on an interrupt ends the client quietly, with the exit code that shells expect (130, 143). */
export function exitOnInterrupt(): void {
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}

/** Interrupts go to `to` until the disposable is disposed; a third one ends the client all the same. */
export function forwardInterrupts(to: (signal: "SIGINT" | "SIGTERM") => void): Disposable {
  forward = to;
  return {
    [Symbol.dispose]: () => {
      forward = undefined;
    },
  };
}
