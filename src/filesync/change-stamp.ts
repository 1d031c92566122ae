import type { BigIntStats } from "node:fs";

const nanosInMilli = 1_000_000n;
/**
 * In which time a file can change twice without its time of change telling: two ticks of the kernel's clock, or of a
 * file system that keeps whole seconds, or two of them (FAT). Nanoseconds.
 */
const tick = 20n * nanosInMilli;
const coarseTick = 2000n * nanosInMilli;

/**
 * Stands for the content of a file: who sees the same again knows that it has not changed since. The inode and the time of
 * change, which nobody can set, tell of what the size and the time of modification hide (`cp -p`, `touch -r`, a second
 * change at once). A file that changed just now gets one that never comes again, as it could still change unseen.
 * `now`: milliseconds since 1970, not later than the look at the file.
 */
export function changeStamp({ ino, ctimeNs }: Pick<BigIntStats, "ino" | "ctimeNs">, now: number): string {
  const isCoarse = ctimeNs % nanosInMilli === 0n;
  const age = BigInt(Math.floor(now)) * nanosInMilli - ctimeNs;
  return age <= (isCoarse ? coarseTick : tick) ? `now ${crypto.randomUUID()}` : `${ino} ${ctimeNs}`;
}
