import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Below these, files tell of the host or of other containers: they are covered by nothing. */
export const defaultMaskedPaths: readonly string[] = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

/** Writing there would change the host. */
export const defaultReadonlyPaths: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** CPUs tell their throttling, which is a side channel; those that this host has are masked too. */
export function hostMaskedPaths(exists: (path: string) => boolean = existsSync): string[] {
  return Array.from(
    { length: availableParallelism() },
    (_, cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`,
  ).filter(exists);
}
