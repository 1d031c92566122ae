import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import type { Cgroups } from "./cgroup.ts";

/** Ticks of a second in /proc and cgroup v1: USER_HZ, which is 100 on every architecture of Linux that we run on. */
const userHz = 100;
const nanosPerTick = 1e9 / userHz;

export interface BlockIo {
  major: number;
  minor: number;
  op: string;
  value: number;
}

/** What a cgroup has used. Bytes and nanoseconds; undefined where the host does not count it. */
export interface CgroupUsage {
  cpu: { total: number; user: number; system: number; perCpu: number[] | undefined };
  throttling: { periods: number; throttledPeriods: number; throttledTime: number };
  memory:
    | {
        usage: number;
        max: number | undefined;
        limit: number;
        failures: number;
        stats: Record<string, number>;
      }
    | undefined;
  pids: { current: number; limit: number } | undefined;
  /** By kind of operation, as the API lists them. */
  ioBytes: BlockIo[] | undefined;
  ioCount: BlockIo[] | undefined;
}

/** Finds the files of a process's cgroups, whatever the version. Reading one that is gone gives "". */
class CgroupFiles {
  readonly #paths: Map<string, string>;
  readonly version: Cgroups["version"];

  constructor(cgroups: Cgroups, pid: number, procfs: string) {
    this.version = cgroups.version;
    const lines = readIfThere(`${procfs}/${pid}/cgroup`).matchAll(/^\d+:([^:]*):(.+)$/gm);
    const own = new Map(Array.from(lines, ([, controllers = "", path = ""]) => [controllers, path] as const));
    this.#paths = new Map();
    for (const hierarchy of cgroups.hierarchies) {
      const names = hierarchy.version === 2 ? [""] : hierarchy.controllers;
      for (const [controllers, path] of own) {
        const same =
          hierarchy.version === 2 ? controllers === "" : names.includes(controllers.split(",")[0] ?? "");
        if (same) for (const name of names) this.#paths.set(name, join(hierarchy.path, path));
      }
    }
  }

  /** The text of a file of a controller's hierarchy (v2 has one for all). */
  text(controller: string, file: string): string {
    const folder = this.#paths.get(this.version === "2" ? "" : controller);
    return folder === undefined ? "" : readIfThere(join(folder, file));
  }

  number(controller: string, file: string): number | undefined {
    const text = this.text(controller, file).trim();
    if (text === "") return undefined;
    return text === "max" ? Number.POSITIVE_INFINITY : Number(text);
  }

  /** Lines of a name and a number. */
  table(controller: string, file: string): Record<string, number> {
    const pairs = this.text(controller, file)
      .trim()
      .split("\n")
      .map((line) => line.split(" "));
    return Object.fromEntries(
      pairs.filter((pair) => pair.length === 2).map(([key, value]) => [key, Number(value)]),
    );
  }
}

/**
 * What the cgroups of process `pid` have used: cgroup-v1/*.rst and cgroup-v2.rst of the kernel's documentation. `procfs`
 * is a parameter for tests.
 */
export function readCgroupUsage(cgroups: Cgroups, pid: number, procfs = "/proc"): CgroupUsage {
  const files = new CgroupFiles(cgroups, pid, procfs);
  return files.version === "2" ? usageV2(files) : usageV1(files);
}

function usageV1(files: CgroupFiles): CgroupUsage {
  const ticks = files.table("cpuacct", "cpuacct.stat");
  const throttled = files.table("cpu", "cpu.stat");
  const usage = files.number("memory", "memory.usage_in_bytes");
  const perCpu = files.text("cpuacct", "cpuacct.usage_percpu").trim();
  return {
    cpu: {
      total: files.number("cpuacct", "cpuacct.usage") ?? 0,
      user: (ticks.user ?? 0) * nanosPerTick,
      system: (ticks.system ?? 0) * nanosPerTick,
      perCpu: perCpu === "" ? undefined : perCpu.split(" ").map(Number),
    },
    throttling: {
      periods: throttled.nr_periods ?? 0,
      throttledPeriods: throttled.nr_throttled ?? 0,
      throttledTime: throttled.throttled_time ?? 0,
    },
    memory:
      usage === undefined
        ? undefined
        : {
            usage,
            max: files.number("memory", "memory.max_usage_in_bytes"),
            limit: files.number("memory", "memory.limit_in_bytes") ?? Number.POSITIVE_INFINITY,
            failures: files.number("memory", "memory.failcnt") ?? 0,
            stats: files.table("memory", "memory.stat"),
          },
    pids: pidsOf(files),
    ioBytes: blockIo(files.text("blkio", "blkio.throttle.io_service_bytes_recursive")),
    ioCount: blockIo(files.text("blkio", "blkio.throttle.io_serviced_recursive")),
  };
}

function usageV2(files: CgroupFiles): CgroupUsage {
  const cpu = files.table("", "cpu.stat");
  const usage = files.number("", "memory.current");
  const micros = (name: string) => (cpu[name] ?? 0) * 1000;
  const io = files.text("", "io.stat");
  return {
    cpu: {
      total: micros("usage_usec"),
      user: micros("user_usec"),
      system: micros("system_usec"),
      perCpu: undefined,
    },
    throttling: {
      periods: cpu.nr_periods ?? 0,
      throttledPeriods: cpu.nr_throttled ?? 0,
      throttledTime: micros("throttled_usec"),
    },
    memory:
      usage === undefined
        ? undefined
        : {
            usage,
            max: undefined,
            limit: files.number("", "memory.max") ?? Number.POSITIVE_INFINITY,
            failures: files.table("", "memory.events").oom ?? 0,
            stats: files.table("", "memory.stat"),
          },
    pids: pidsOf(files),
    ioBytes: blockIoV2(io, { rbytes: "read", wbytes: "write" }),
    ioCount: blockIoV2(io, { rios: "read", wios: "write" }),
  };
}

function pidsOf(files: CgroupFiles): CgroupUsage["pids"] {
  const current = files.number("pids", "pids.current");
  if (current === undefined) return undefined;
  return { current, limit: files.number("pids", "pids.max") ?? Number.POSITIVE_INFINITY };
}

/** `8:0 Read 4096` a line; the sum of all devices stands at the end, without a device. */
function blockIo(text: string): BlockIo[] {
  return [...text.matchAll(/^(\d+):(\d+) (\w+) (\d+)$/gm)].map(([, major, minor, op = "", value]) => ({
    major: Number(major),
    minor: Number(minor),
    op: op.toLowerCase(),
    value: Number(value),
  }));
}

/** `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …` a line. */
function blockIoV2(text: string, names: Readonly<Record<string, string>>): BlockIo[] {
  return [...text.matchAll(/^(\d+):(\d+) (.*)$/gm)].flatMap(([, major, minor, rest = ""]) =>
    rest.split(" ").flatMap((pair) => {
      const [name = "", value] = pair.split("=");
      const op = names[name];
      return op === undefined
        ? []
        : [{ major: Number(major), minor: Number(minor), op, value: Number(value) }];
    }),
  );
}

/** CPU time of the whole host, in nanoseconds, and how many CPUs it has: the first lines of proc_stat(5). */
export function readHostCpu(): { total: number; online: number } {
  const text = readFileSync("/proc/stat", "utf8");
  const fields = (/^cpu +(.*)$/m.exec(text)?.[1] ?? "").split(" ").slice(0, 8).map(Number);
  return {
    total: fields.reduce((sum, ticks) => sum + ticks, 0) * nanosPerTick,
    online: text.match(/^cpu\d+ /gm)?.length ?? 0,
  };
}

export interface InterfaceCounters {
  rxBytes: number;
  rxPackets: number;
  rxErrors: number;
  rxDropped: number;
  txBytes: number;
  txPackets: number;
  txErrors: number;
  txDropped: number;
}

/** What the network interfaces that a process sees have carried, but loopback (proc_net(5), /proc/net/dev). */
export function readInterfaceCounters(pid: number): Map<string, InterfaceCounters> {
  const found = new Map<string, InterfaceCounters>();
  for (const [, name = "", rest = ""] of readIfThere(`/proc/${pid}/net/dev`).matchAll(
    /^ *([^\s:]+): *(.*)$/gm,
  )) {
    if (name === "lo") continue;
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, , , , , ...transmitted] = rest
      .split(/ +/)
      .map(Number);
    const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = transmitted;
    found.set(name, { rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped });
  }
  return found;
}

/** "" when the process or the cgroup has gone. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "ENODEV", "EINVAL", "EOPNOTSUPP"].includes(errnoOf(error) ?? "")) return "";
    throw error;
  }
}
