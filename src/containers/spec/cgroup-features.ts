import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Cgroups } from "../../linux/cgroup.ts";

/** Which limits the kernel can keep here: not all are built in, and cgroup v2 has dropped some. */
export interface CgroupFeatures {
  memory: boolean;
  swap: boolean;
  memoryReservation: boolean;
  swappiness: boolean;
  oomKillDisable: boolean;
  cpuShares: boolean;
  cpuQuota: boolean;
  cpuRealtime: boolean;
  cpuset: boolean;
  pids: boolean;
  blkioWeight: boolean;
  blkioWeightDevice: boolean;
  blkioThrottle: boolean;
  /** The CPUs and memory nodes that can be given, as lists of cpuset(7). */
  cpus: string;
  mems: string;
}

/** Reads them from the mounted hierarchies. */
export function readCgroupFeatures(cgroups: Cgroups): CgroupFeatures {
  const pathOf = (controller: string) =>
    cgroups.hierarchies.find((hierarchy) => hierarchy.controllers.includes(controller))?.path;
  const has = (controller: string, file: string) => {
    const path = pathOf(controller);
    return path !== undefined && existsSync(join(path, file));
  };
  const cpus = `0-${availableParallelism() - 1}`;
  if (cgroups.version === "2") {
    const on = (controller: string) => cgroups.controllers.has(controller);
    const root = pathOf("cpuset") ?? "";
    return {
      memory: on("memory"),
      // The files are in the groups below the root only; kernels without swap accounting do not have them.
      swap: on("memory") && existsSync("/proc/swaps"),
      memoryReservation: on("memory"),
      swappiness: false,
      oomKillDisable: false,
      cpuShares: on("cpu"),
      cpuQuota: on("cpu"),
      cpuRealtime: false,
      cpuset: on("cpuset"),
      pids: on("pids"),
      blkioWeight: on("io"),
      blkioWeightDevice: on("io"),
      blkioThrottle: on("io"),
      cpus: readList(join(root, "cpuset.cpus.effective"), cpus),
      mems: readList(join(root, "cpuset.mems.effective"), "0"),
    };
  }
  const cpuset = pathOf("cpuset") ?? "";
  return {
    memory: has("memory", "memory.limit_in_bytes"),
    swap: has("memory", "memory.memsw.limit_in_bytes"),
    memoryReservation: has("memory", "memory.soft_limit_in_bytes"),
    swappiness: has("memory", "memory.swappiness"),
    oomKillDisable: has("memory", "memory.oom_control"),
    cpuShares: has("cpu", "cpu.shares"),
    cpuQuota: has("cpu", "cpu.cfs_quota_us"),
    cpuRealtime: has("cpu", "cpu.rt_runtime_us"),
    cpuset: has("cpuset", "cpuset.cpus"),
    pids: pathOf("pids") !== undefined,
    blkioWeight: has("blkio", "blkio.weight") || has("blkio", "blkio.bfq.weight"),
    blkioWeightDevice: has("blkio", "blkio.weight_device") || has("blkio", "blkio.bfq.weight_device"),
    blkioThrottle: has("blkio", "blkio.throttle.read_bps_device"),
    cpus: readList(join(cpuset, "cpuset.cpus"), cpus),
    mems: readList(join(cpuset, "cpuset.mems"), "0"),
  };
}

function readList(path: string, otherwise: string): string {
  return (existsSync(path) && readFileSync(path, "utf8").trim()) || otherwise;
}
