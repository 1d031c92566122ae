import { constants, openSync, rmSync } from "node:fs";
import { check, cstring, libc } from "./libc.ts";

const c = libc({ mkfifo: { args: ["ptr", "u32"], returns: "i32" } });

/** A new FIFO (fifo(7)) for its owner alone, in the place of whatever file had the name. */
export function makeFifo(path: string): void {
  rmSync(path, { force: true });
  check(c.mkfifo(cstring(path), 0o600), "mkfifo", path);
}

/**
 * Opens both ends in one descriptor: it never waits for the other side, and it never sees the other side gone. For a FIFO
 * that was just made: with `O_NOFOLLOW`, which stays with the open file, CRIU could not open it again for its container.
 */
export function openFifoBothWays(path: string): number {
  return openSync(path, constants.O_RDWR);
}

/** Opens the reading end, non-blocking; reads give 0 while nobody has the writing end open. */
export function openFifoReader(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
}

/** Opens the writing end, non-blocking. Throws `ENXIO` while nobody has the reading end open. */
export function openFifoWriter(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
}
