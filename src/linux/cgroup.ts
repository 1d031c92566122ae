import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type MountInfo, readMounts } from "./mountinfo.ts";

/** A mounted cgroup file system and the controllers that it has. */
export interface CgroupHierarchy {
  path: string;
  version: 1 | 2;
  /** `memory`, `cpu`, …; `name=systemd` for a v1 hierarchy without one. */
  controllers: readonly string[];
}

/** The control groups of this host: https://docs.kernel.org/admin-guide/cgroup-v2.html, cgroups(7). */
export interface Cgroups {
  /** Hybrid: the controllers are v1's, and an empty v2 hierarchy stands beside them. */
  mode: "v1" | "v2" | "hybrid";
  /** The version that limits are set with, as the Engine API tells it. */
  version: "1" | "2";
  hierarchies: readonly CgroupHierarchy[];
  /** All controllers that can set a limit. */
  controllers: ReadonlySet<string>;
}

/** Options of a v1 mount that are not controllers. */
const mountOptions = new Set([
  "rw",
  "ro",
  "xattr",
  "clone_children",
  "cpuset_v2_mode",
  "noprefix",
  "seclabel",
]);

/** What `mounts` say. `controllersOf` reads `cgroup.controllers` of a v2 hierarchy. */
export function cgroupsOf(mounts: readonly MountInfo[], controllersOf: (path: string) => string[]): Cgroups {
  const found = new Map<string, CgroupHierarchy>();
  for (const { type, target, device, superOptions } of mounts) {
    // A hierarchy that is mounted in two places counts once.
    if (found.has(device)) continue;
    if (type === "cgroup2")
      found.set(device, { path: target, version: 2, controllers: controllersOf(target) });
    if (type !== "cgroup") continue;
    const controllers = superOptions.filter(
      (option) => !mountOptions.has(option) && !option.startsWith("release_agent="),
    );
    found.set(device, { path: target, version: 1, controllers });
  }
  const hierarchies = [...found.values()];
  const v1 = hierarchies.some(({ version }) => version === 1);
  const v2 = hierarchies.some(({ version }) => version === 2);
  const names = hierarchies
    .flatMap(({ controllers }) => controllers)
    .filter((name) => !name.startsWith("name="));
  return {
    mode: v1 && v2 ? "hybrid" : v1 ? "v1" : "v2",
    version: v1 ? "1" : "2",
    hierarchies,
    controllers: new Set(names),
  };
}

/** The control groups as they are mounted for this process. */
export function detectCgroups(): Cgroups {
  return cgroupsOf(readMounts("cgroup"), (path) => {
    const text = readFileSync(join(path, "cgroup.controllers"), "utf8").trim();
    return text === "" ? [] : text.split(" ");
  });
}
