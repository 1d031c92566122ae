import { expect, test } from "bun:test";
import type { Resources } from "../../api/host-config.ts";
import { detectCgroups } from "../../linux/cgroup.ts";
import { type CgroupFeatures, readCgroupFeatures } from "./cgroup-features.ts";
import { checkResources } from "./check-resources.ts";

const all: CgroupFeatures = {
  memory: true,
  swap: true,
  memoryReservation: true,
  swappiness: true,
  oomKillDisable: true,
  cpuShares: true,
  cpuQuota: true,
  cpuRealtime: true,
  cpuset: true,
  pids: true,
  blkioWeight: true,
  blkioWeightDevice: true,
  blkioThrottle: true,
  cpus: "0-3,8",
  mems: "0",
};

const mega = 1024 * 1024;

test("memory without swap means as much swap again", () => {
  expect(checkResources<Resources>({ Memory: 100 * mega }, all)).toEqual({
    value: { Memory: 100 * mega, MemorySwap: 200 * mega },
    warnings: [],
  });
  expect(checkResources<Resources>({ Memory: 100 * mega, MemorySwap: -1 }, all).value.MemorySwap).toBe(-1);
});

test("what the kernel cannot keep is given up with a warning", () => {
  const { value, warnings } = checkResources<Resources>(
    { Memory: 100 * mega, BlkioWeight: 300, PidsLimit: 5 },
    { ...all, swap: false, blkioWeight: false },
  );
  expect(value).toEqual({ Memory: 100 * mega, MemorySwap: -1, BlkioWeight: 0, PidsLimit: 5 });
  expect(warnings).toEqual([
    "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
  ]);
});

test("CPUs that are not there are refused", () => {
  expect(() => checkResources<Resources>({ CpusetCpus: "0-2,8" }, all)).not.toThrow();
  expect(() => checkResources<Resources>({ CpusetCpus: "4" }, all)).toThrow(
    "Requested CPUs are not available - requested 4, available: 0-3,8",
  );
  expect(() => checkResources<Resources>({ CpusetMems: "0-1" }, all)).toThrow(
    "Requested memory nodes are not available",
  );
  expect(() => checkResources<Resources>({ NanoCpus: 1e9 }, { ...all, cpuQuota: false })).toThrow(
    "NanoCPUs can not be set",
  );
});

test("this host's features can be read", () => {
  const features = readCgroupFeatures(detectCgroups());
  expect(features.cpus).toMatch(/^\d+(-\d+)?/);
  expect(() => checkResources<Resources>({ CpusetCpus: "0" }, features)).not.toThrow();
});
