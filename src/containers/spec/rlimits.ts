import { readFileSync } from "node:fs";
import type { Ulimit } from "../../api/host-config.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { Rlimit } from "../../oci/runtime-spec.ts";

/** RLIM_INFINITY. JSON.stringify would round it: `encodeSpec` writes it in full. */
export const unlimited = 2 ** 64;

/** Names as `--ulimit` takes them, with those of /proc/<pid>/limits. */
const limitNames: Record<string, string> = {
  core: "Max core file size",
  cpu: "Max cpu time",
  data: "Max data size",
  fsize: "Max file size",
  locks: "Max file locks",
  memlock: "Max locked memory",
  msgqueue: "Max msgqueue size",
  nice: "Max nice priority",
  nofile: "Max open files",
  nproc: "Max processes",
  rss: "Max resident set",
  rtprio: "Max realtime priority",
  rttime: "Max realtime timeout",
  sigpending: "Max pending signals",
  stack: "Max stack size",
};

/** Hard limits by name; a process without CAP_SYS_RESOURCE cannot give more to another. */
export type HardLimits = Readonly<Record<string, number>>;

/** Reads the hard limits of this process (proc_pid_limits(5)). */
export function readHardLimits(path = "/proc/self/limits"): HardLimits {
  const text = readFileSync(path, "utf8");
  const hard = (title: string) => new RegExp(`^${title}\\s+\\S+\\s+(\\S+)`, "m").exec(text)?.[1];
  return Object.fromEntries(
    Object.entries(limitNames).map(([name, title]) => {
      const value = hard(title);
      return [name, value === undefined || value === "unlimited" ? unlimited : Number(value)];
    }),
  );
}

/**
 * The limits of a process from `ulimits` (-1 is unlimited), the later of two for one name. `ceiling`: what cannot be
 * exceeded here; a limit above it is lowered to it, since a container with a lower limit is better than none.
 */
export function toRlimits(ulimits: readonly Ulimit[], ceiling: HardLimits | undefined): Rlimit[] {
  const byName = new Map(ulimits.map((ulimit) => [ulimit.Name ?? "", ulimit]));
  return Array.from(byName, ([name, { Soft = 0, Hard = 0 }]) => {
    if (!(name in limitNames)) throw invalidArgument(`invalid ulimit type: ${name}`);
    const most = ceiling?.[name] ?? unlimited;
    const hard = Math.min(Hard < 0 ? unlimited : Hard, most);
    const soft = Math.min(Soft < 0 ? unlimited : Soft, hard);
    return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
  });
}
