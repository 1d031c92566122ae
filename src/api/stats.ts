import { type Infer, list, map, nullable, optional, string, struct, uint32, uint64 } from "./schema.ts";

/** Nanoseconds of CPU time. */
export const ContainerCPUStats = struct("container.CPUStats", () => ({
  cpu_usage: struct("container.CPUUsage", () => ({
    total_usage: uint64,
    percpu_usage: optional(list(uint64)),
    usage_in_kernelmode: uint64,
    usage_in_usermode: uint64,
  })),
  system_cpu_usage: optional(uint64),
  online_cpus: optional(uint32),
  throttling_data: struct("container.ThrottlingData", () => ({
    periods: uint64,
    throttled_periods: uint64,
    throttled_time: uint64,
  })),
}));
export type ContainerCPUStats = Infer<typeof ContainerCPUStats>;

/** Bytes; `stats` are the lines of the cgroup's memory.stat. */
export const ContainerMemoryStats = struct("container.MemoryStats", () => ({
  usage: optional(uint64),
  max_usage: optional(uint64),
  stats: optional(map(uint64)),
  failcnt: optional(uint64),
  limit: optional(uint64),
  commitbytes: optional(uint64),
  commitpeakbytes: optional(uint64),
  privateworkingset: optional(uint64),
}));
export type ContainerMemoryStats = Infer<typeof ContainerMemoryStats>;

export const ContainerNetworkStats = struct("container.NetworkStats", () => ({
  rx_bytes: uint64,
  rx_packets: uint64,
  rx_errors: uint64,
  rx_dropped: uint64,
  tx_bytes: uint64,
  tx_packets: uint64,
  tx_errors: uint64,
  tx_dropped: uint64,
  endpoint_id: optional(string),
  instance_id: optional(string),
}));
export type ContainerNetworkStats = Infer<typeof ContainerNetworkStats>;

export const ContainerBlkioStatEntry = struct("container.BlkioStatEntry", () => ({
  major: uint64,
  minor: uint64,
  op: string,
  value: uint64,
}));
export type ContainerBlkioStatEntry = Infer<typeof ContainerBlkioStatEntry>;

const entries = nullable(list(ContainerBlkioStatEntry));

export const ContainerBlkioStats = struct("container.BlkioStats", () => ({
  io_service_bytes_recursive: entries,
  io_serviced_recursive: entries,
  io_queue_recursive: entries,
  io_service_time_recursive: entries,
  io_wait_time_recursive: entries,
  io_merged_recursive: entries,
  io_time_recursive: entries,
  sectors_recursive: entries,
}));
export type ContainerBlkioStats = Infer<typeof ContainerBlkioStats>;

/** One sample of `GET /containers/{id}/stats`. */
export const ContainerStatsResponse = struct("container.StatsResponse", () => ({
  id: optional(string),
  name: optional(string),
  os_type: optional(string),
  read: string,
  preread: string,
  pids_stats: struct("container.PidsStats", () => ({ current: optional(uint64), limit: optional(uint64) })),
  blkio_stats: ContainerBlkioStats,
  num_procs: uint32,
  storage_stats: struct("container.StorageStats", () => ({
    read_count_normalized: optional(uint64),
    read_size_bytes: optional(uint64),
    write_count_normalized: optional(uint64),
    write_size_bytes: optional(uint64),
  })),
  cpu_stats: ContainerCPUStats,
  precpu_stats: ContainerCPUStats,
  memory_stats: ContainerMemoryStats,
  networks: optional(map(ContainerNetworkStats)),
}));
export type ContainerStatsResponse = Infer<typeof ContainerStatsResponse>;
