import { availableParallelism } from "node:os";
import type { Resources } from "../../api/host-config.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { CgroupFeatures } from "./cgroup-features.ts";

export interface Adapted<T> {
  value: T;
  /** What was given up, in Docker's words, for the answer to the client. */
  warnings: string[];
}

const kernel = "Your kernel does not support";
const mounted = "or the cgroup is not mounted";

interface Rule {
  /** The feature that is needed. */
  needs: keyof CgroupFeatures;
  asked: (resources: Resources) => boolean;
  /** What stands in place of what was asked. */
  instead: Partial<Resources>;
  warning: string;
}

const minimumMemory = 6 * 1024 * 1024;

const given = (value: number | null | undefined): boolean => (value ?? 0) > 0;

const rules: readonly Rule[] = [
  {
    needs: "memory",
    asked: (r) => given(r.Memory),
    instead: { Memory: 0, MemorySwap: -1 },
    warning: `${kernel} memory limit capabilities ${mounted}. Limitation discarded.`,
  },
  {
    needs: "swap",
    asked: (r) => given(r.Memory) && r.MemorySwap !== -1,
    instead: { MemorySwap: -1 },
    warning: `${kernel} swap limit capabilities ${mounted}. Memory limited without swap.`,
  },
  {
    needs: "swappiness",
    asked: (r) => (r.MemorySwappiness ?? -1) !== -1,
    instead: { MemorySwappiness: null },
    warning: `${kernel} memory swappiness capabilities ${mounted}. Memory swappiness discarded.`,
  },
  {
    needs: "memoryReservation",
    asked: (r) => given(r.MemoryReservation),
    instead: { MemoryReservation: 0 },
    warning: `${kernel} memory soft limit capabilities ${mounted}. Limitation discarded.`,
  },
  {
    needs: "oomKillDisable",
    asked: (r) => r.OomKillDisable === true,
    instead: { OomKillDisable: null },
    warning: `${kernel} OomKillDisable. OomKillDisable discarded.`,
  },
  {
    needs: "pids",
    asked: (r) => given(r.PidsLimit),
    instead: { PidsLimit: null },
    warning: `${kernel} PIDs limit capabilities ${mounted}. PIDs limit discarded.`,
  },
  {
    needs: "cpuShares",
    asked: (r) => given(r.CpuShares),
    instead: { CpuShares: 0 },
    warning: `${kernel} CPU shares ${mounted}. Shares discarded.`,
  },
  {
    needs: "cpuQuota",
    asked: (r) => given(r.CpuPeriod) || given(r.CpuQuota),
    instead: { CpuPeriod: 0, CpuQuota: 0 },
    warning: `${kernel} CPU CFS scheduler ${mounted}. Period/Quota discarded.`,
  },
  {
    needs: "cpuset",
    asked: (r) => Boolean(r.CpusetCpus || r.CpusetMems),
    instead: { CpusetCpus: "", CpusetMems: "" },
    warning: `${kernel} cpuset ${mounted}. Cpuset discarded.`,
  },
  {
    needs: "blkioWeight",
    asked: (r) => given(r.BlkioWeight),
    instead: { BlkioWeight: 0 },
    warning: `${kernel} Block I/O weight ${mounted}. Weight discarded.`,
  },
  {
    needs: "blkioWeightDevice",
    asked: (r) => Boolean(r.BlkioWeightDevice?.length),
    instead: { BlkioWeightDevice: [] },
    warning: `${kernel} Block I/O weight_device ${mounted}. Weight-device discarded.`,
  },
  {
    needs: "blkioThrottle",
    asked: (r) => Boolean(r.BlkioDeviceReadBps?.length),
    instead: { BlkioDeviceReadBps: [] },
    warning: `${kernel} BPS Block I/O read limit ${mounted}. Block I/O BPS read limit discarded.`,
  },
  {
    needs: "blkioThrottle",
    asked: (r) => Boolean(r.BlkioDeviceWriteBps?.length),
    instead: { BlkioDeviceWriteBps: [] },
    warning: `${kernel} BPS Block I/O write limit ${mounted}. Block I/O BPS write limit discarded.`,
  },
  {
    needs: "blkioThrottle",
    asked: (r) => Boolean(r.BlkioDeviceReadIOps?.length),
    instead: { BlkioDeviceReadIOps: [] },
    warning: `${kernel} IOPS Block read limit ${mounted}. Block I/O IOPS read limit discarded.`,
  },
  {
    needs: "blkioThrottle",
    asked: (r) => Boolean(r.BlkioDeviceWriteIOps?.length),
    instead: { BlkioDeviceWriteIOps: [] },
    warning: `${kernel} IOPS Block write limit ${mounted}. Block I/O IOPS write limit discarded.`,
  },
];

/**
 * What this host can keep of the limits asked for, with Docker's warnings for what it cannot, and with what follows
 * from them: twice the memory for memory and swap. `update`: only what changes is given, and nothing follows from it.
 * Throws `invalidArgument` for what Docker refuses.
 */
export function checkResources<T extends Resources>(
  asked: T,
  features: CgroupFeatures,
  { update = false } = {},
): Adapted<T> {
  if (asked.Memory && asked.Memory < minimumMemory) {
    throw invalidArgument("Minimum memory limit allowed is 6MB");
  }
  checkConflicts(asked, features);
  const warnings: string[] = [];
  let value = asked;
  for (const rule of rules) {
    if (features[rule.needs] || !rule.asked(value)) continue;
    value = { ...value, ...rule.instead };
    warnings.push(rule.warning);
  }
  checkMemory(value, update);
  if (value.OomKillDisable && !given(value.Memory)) {
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    );
  }
  checkCpu(value);
  checkCpuset(value, features);
  const { BlkioWeight: weight = 0 } = value;
  if (weight > 0 && (weight < 10 || weight > 1000)) {
    throw invalidArgument("Range of blkio weight is from 10 to 1000");
  }
  if (!update && given(value.Memory) && !value.MemorySwap)
    value = { ...value, MemorySwap: 2 * (value.Memory ?? 0) };
  return { value, warnings };
}

/** What is refused whatever the kernel can do, or because it cannot. */
function checkConflicts(asked: Resources, features: CgroupFeatures): void {
  for (const [name, other] of [
    ["CPU Period", asked.CpuPeriod],
    ["CPU Quota", asked.CpuQuota],
  ] as const) {
    if (given(asked.NanoCpus) && given(other)) {
      throw invalidArgument(`Conflicting options: Nano CPUs and ${name} cannot both be set`);
    }
  }
  if (given(asked.NanoCpus) && !features.cpuQuota) {
    throw invalidArgument(
      `NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler ${mounted}`,
    );
  }
  const { CpuRealtimePeriod: period, CpuRealtimeRuntime: runtime } = asked;
  if (!given(period) && !given(runtime)) return;
  if (!features.cpuRealtime) throw invalidArgument(`${kernel} CPU real-time scheduler`);
  if (given(period) && given(runtime) && (runtime ?? 0) > (period ?? 0)) {
    throw invalidArgument("cpu real-time runtime cannot be higher than cpu real-time period");
  }
}

function checkMemory(resources: Resources, update: boolean): void {
  const { Memory: memory = 0, MemorySwap: swap = 0, MemoryReservation: reservation = 0 } = resources;
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalidArgument("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memory === 0 && swap > 0 && !update) {
    throw invalidArgument("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  const swappiness = resources.MemorySwappiness ?? -1;
  if (swappiness < -1 || swappiness > 100) {
    throw invalidArgument(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
  if (reservation > 0 && reservation < minimumMemory) {
    throw invalidArgument("Minimum memory reservation allowed is 6MB");
  }
  if (memory > 0 && reservation > 0 && memory < reservation) {
    throw invalidArgument("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

function checkCpu({ NanoCpus: nano = 0, CpuPeriod: period = 0, CpuQuota: quota = 0 }: Resources): void {
  const cpus = availableParallelism();
  if (nano < 0 || nano > cpus * 1e9) {
    throw invalidArgument(
      `Range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`,
    );
  }
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalidArgument(
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    );
  }
  if (quota > 0 && quota < 1000) throw invalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)");
}

/** More than Linux can count. */
const maxCpu = 8192;

function checkCpuset({ CpusetCpus: cpus, CpusetMems: mems }: Resources, features: CgroupFeatures): void {
  for (const [name, list] of [
    ["cpus", cpus],
    ["mems", mems],
  ] as const) {
    if (list && !isList(list)) {
      throw invalidArgument(`Invalid value ${list} for cpuset ${name}: invalid format: ${list}`);
    }
    if (list && ranges(list).some(([, to]) => to > maxCpu)) {
      const why = `value of out range, maximum is ${maxCpu}`;
      throw invalidArgument(`Invalid value ${list} for cpuset ${name}: ${why}`);
    }
  }
  if (cpus && !isWithin(cpus, features.cpus)) {
    throw invalidArgument(
      `Requested CPUs are not available - requested ${cpus}, available: ${features.cpus}`,
    );
  }
  if (mems && !isWithin(mems, features.mems)) {
    throw invalidArgument(
      `Requested memory nodes are not available - requested ${mems}, available: ${features.mems}`,
    );
  }
}

function isList(text: string): boolean {
  return /^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text) && ranges(text).every(([from, to]) => to >= from);
}

/** The ranges of a list as cpuset(7) writes it: `0-2,5`. */
function ranges(list: string): [from: number, to: number][] {
  return list.split(",").map((part) => {
    const [from = Number.NaN, to = from] = part.split("-").map(Number);
    return [from, to];
  });
}

function isWithin(list: string, available: string): boolean {
  const possible = ranges(available);
  const inOne = (number: number) => possible.some(([from, to]) => number >= from && number <= to);
  return ranges(list).every(([from, to]) => {
    if (!(to >= from) || to - from > maxCpu) return false;
    for (let number = from; number <= to; number++) if (!inOne(number)) return false;
    return true;
  });
}
