import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cgroups } from "./cgroup.ts";

/** For so long after a migration the next one is fast, with a margin: an RCU grace period is 8 to 16 ms. */
const freshMillis = 8;

/**
 * Makes the kernel ready for moving a process into another cgroup, which every start of a container does.
 *
 * The first migration after a pause waits for an RCU grace period (`cgroup_threadgroup_rwsem`, kernel/cgroup/cgroup.c),
 * one that follows soon after does not. Moving ourselves to where we are already is a migration too: done in the
 * background as soon as a start is to be expected, it takes the wait out of the way of that start.
 */
export class CgroupReadiness {
  readonly #path: string | undefined;
  #busy = false;
  #last = Number.NEGATIVE_INFINITY;

  constructor(
    cgroups: Pick<Cgroups, "hierarchies">,
    processCgroups = readFileSync("/proc/self/cgroup", "utf8"),
  ) {
    this.#path = ownProcsFile(cgroups, processCgroups);
  }

  /** A start is to be expected within the next milliseconds. */
  expectStart(): void {
    if (this.#path === undefined || this.#busy || performance.now() - this.#last < freshMillis) return;
    this.#busy = true;
    writeFile(this.#path, "0")
      // Only speed depends on it.
      .catch(() => {})
      .finally(() => {
        this.#busy = false;
        this.#last = performance.now();
      });
  }
}

/** `cgroup.procs` of the cgroup that this process is in, in any hierarchy (cgroups(7), /proc/pid/cgroup). */
function ownProcsFile({ hierarchies }: Pick<Cgroups, "hierarchies">, text: string): string | undefined {
  for (const line of text.split("\n")) {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const names = controllers.split(",");
    const found = hierarchies.find((hierarchy) =>
      controllers === "" ? hierarchy.version === 2 : hierarchy.controllers.includes(names[0] ?? ""),
    );
    if (found && path !== "") return join(found.path, path, "cgroup.procs");
  }
  return undefined;
}
