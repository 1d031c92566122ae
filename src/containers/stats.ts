import { totalmem } from "node:os";
import type {
  ContainerBlkioStats,
  ContainerCPUStats,
  ContainerNetworkStats,
  ContainerStatsResponse,
} from "../api/stats.ts";
import { sleep } from "../base/async.ts";
import { rfc3339Nano, zeroTime } from "../base/clock.ts";
import { invalidArgument } from "../base/errors.ts";
import type { Cgroups } from "../linux/cgroup.ts";
import {
  type CgroupUsage,
  readCgroupUsage,
  readHostCpu,
  readInterfaceCounters,
} from "../linux/cgroup-usage.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";

const intervalMillis = 1000;

const noCpu: ContainerCPUStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};
const noBlockIo = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};

/**
 * `GET /containers/{id}/stats`: a sample a second until the container or the client is gone. Without `stream`, one, with
 * another before it to compare with, unless `oneShot`. Of a container that does not run: one without numbers. Throws
 * `invalidArgument` when it is to be one and many.
 */
export async function* containerStats(
  deps: ContainerDeps,
  cgroups: Cgroups,
  container: Container,
  options: { stream: boolean; oneShot: boolean; signal: AbortSignal },
): AsyncGenerator<ContainerStatsResponse> {
  if (options.stream && options.oneShot) throw invalidArgument("cannot have stream=true and one-shot=true");
  let before: ContainerStatsResponse | undefined;
  if (!options.stream && !options.oneShot && isRunning(container)) {
    before = sample(deps, cgroups, container);
    await sleep(intervalMillis, options.signal);
  }
  for (;;) {
    const now = isRunning(container) ? sample(deps, cgroups, container) : idle(container);
    yield before === undefined ? now : { ...now, preread: before.read, precpu_stats: before.cpu_stats };
    if (!options.stream || options.signal.aborted || !deps.set.get(container.id)) return;
    before = now;
    await sleep(intervalMillis, options.signal);
  }
}

function idle({ id, name }: Container): ContainerStatsResponse {
  return {
    id,
    name: `/${name}`,
    os_type: "linux",
    read: zeroTime,
    preread: zeroTime,
    pids_stats: {},
    blkio_stats: noBlockIo,
    num_procs: 0,
    storage_stats: {},
    cpu_stats: noCpu,
    precpu_stats: noCpu,
    memory_stats: {},
  };
}

function sample(deps: ContainerDeps, cgroups: Cgroups, container: Container): ContainerStatsResponse {
  const { pid } = container.state;
  const usage = readCgroupUsage(cgroups, pid);
  const networks = networkStats(container, pid);
  return {
    ...idle(container),
    read: rfc3339Nano(deps.clock.nowNanos()),
    pids_stats: pidsStats(usage),
    blkio_stats: blockIoStats(usage, cgroups),
    cpu_stats: cpuStats(usage),
    memory_stats: memoryStats(usage),
    ...(networks ? { networks } : {}),
  };
}

/** Version 1 has files for all of it, which are empty with the schedulers of today. */
function blockIoStats({ ioBytes, ioCount }: CgroupUsage, { version }: Cgroups): ContainerBlkioStats {
  const none = version === "1" ? [] : null;
  return {
    io_service_bytes_recursive: ioBytes ?? null,
    io_serviced_recursive: ioCount ?? null,
    io_queue_recursive: none,
    io_service_time_recursive: none,
    io_wait_time_recursive: none,
    io_merged_recursive: none,
    io_time_recursive: none,
    sectors_recursive: none,
  };
}

/** No limit is told as none. */
function pidsStats({ pids }: CgroupUsage): ContainerStatsResponse["pids_stats"] {
  if (!pids) return {};
  return { current: pids.current, ...(Number.isFinite(pids.limit) ? { limit: pids.limit } : {}) };
}

function cpuStats({ cpu, throttling }: CgroupUsage): ContainerCPUStats {
  const host = readHostCpu();
  return {
    cpu_usage: {
      total_usage: cpu.total,
      ...(cpu.perCpu ? { percpu_usage: cpu.perCpu } : {}),
      usage_in_kernelmode: cpu.system,
      usage_in_usermode: cpu.user,
    },
    system_cpu_usage: host.total,
    online_cpus: host.online,
    throttling_data: {
      periods: throttling.periods,
      throttled_periods: throttling.throttledPeriods,
      throttled_time: throttling.throttledTime,
    },
  };
}

/** No limit means all that the host has. */
function memoryStats({ memory }: CgroupUsage): ContainerStatsResponse["memory_stats"] {
  if (!memory) return {};
  return {
    usage: memory.usage,
    ...(memory.max === undefined ? {} : { max_usage: memory.max }),
    stats: memory.stats,
    failcnt: memory.failures,
    limit: Math.min(memory.limit, totalmem()),
  };
}

/** The host's own interfaces are not the container's. */
function networkStats({ spec }: Container, pid: number): Record<string, ContainerNetworkStats> | undefined {
  const mode = spec.hostConfig.NetworkMode ?? "";
  if (mode === "host" || mode === "none" || mode.startsWith("container:")) return undefined;
  return Object.fromEntries(
    [...readInterfaceCounters(pid)].map(([name, counters]) => [
      name,
      {
        rx_bytes: counters.rxBytes,
        rx_packets: counters.rxPackets,
        rx_errors: counters.rxErrors,
        rx_dropped: counters.rxDropped,
        tx_bytes: counters.txBytes,
        tx_packets: counters.txPackets,
        tx_errors: counters.txErrors,
        tx_dropped: counters.txDropped,
      },
    ]),
  );
}
