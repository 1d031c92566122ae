import { afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Cgroups } from "./cgroup.ts";
import { readCgroupUsage } from "./cgroup-usage.ts";

const folder = mkdtempSync(join(tmpdir(), "cgroup-usage-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pid = 4711;
const procfs = join(folder, "proc");

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A cgroup v2 file system in which the cgroup of process `pid` has these files, and the root has others. */
function hierarchy(files: Record<string, string>): Cgroups {
  write(join(procfs, String(pid), "cgroup"), "0::/docker/abc\n");
  for (const [name, text] of Object.entries(files)) write(join(folder, "docker/abc", name), text);
  write(join(folder, "cpu.stat"), "usage_usec 7\n");
  const controllers = ["cpu", "io", "memory", "pids"];
  return {
    mode: "v2",
    version: "2",
    hierarchies: [{ path: folder, version: 2, controllers }],
    controllers: new Set(controllers),
  };
}

test("cgroup v2", () => {
  const cgroups = hierarchy({
    "cpu.stat":
      "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 4\nnr_throttled 1\nthrottled_usec 7\n",
    "memory.current": "4096\n",
    "memory.max": "max\n",
    "memory.stat": "anon 1024\nfile 2048\n",
    "memory.events": "low 0\noom 3\n",
    "pids.current": "2\n",
    "pids.max": "10\n",
    "io.stat": "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
  });
  expect(readCgroupUsage(cgroups, pid, procfs)).toEqual({
    cpu: { total: 5_000_000, user: 3_000_000, system: 2_000_000, perCpu: undefined },
    throttling: { periods: 4, throttledPeriods: 1, throttledTime: 7000 },
    memory: {
      usage: 4096,
      max: undefined,
      limit: Number.POSITIVE_INFINITY,
      failures: 3,
      stats: { anon: 1024, file: 2048 },
    },
    pids: { current: 2, limit: 10 },
    ioBytes: [
      { major: 8, minor: 0, op: "read", value: 4096 },
      { major: 8, minor: 0, op: "write", value: 0 },
    ],
    ioCount: [
      { major: 8, minor: 0, op: "read", value: 1 },
      { major: 8, minor: 0, op: "write", value: 0 },
    ],
  });
});

test("a process that has gone has used nothing that can be told", () => {
  const usage = readCgroupUsage(hierarchy({}), pid + 1, procfs);
  expect([usage.cpu.total, usage.memory, usage.pids]).toEqual([0, undefined, undefined]);
});
