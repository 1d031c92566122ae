import type { ContainerStatsResponse } from "../../api/stats.ts";
import { shortId } from "../../base/ids.ts";
import { binarySize, humanSize } from "../../base/units.ts";
import type { RowKind } from "../format/rows.ts";

/** What one container uses. Bytes, percent. */
export interface StatsRow {
  readonly container: string;
  readonly id: string;
  readonly name: string;
  readonly cpu: number;
  readonly memory: number;
  readonly limit: number;
  readonly received: number;
  readonly sent: number;
  readonly blockRead: number;
  readonly blockWritten: number;
  readonly pids: number;
  /** False until the first numbers are there, and when they cannot be had. */
  readonly known: boolean;
}

export const unknownRow = (container: string): StatsRow => ({
  container,
  id: "",
  name: "",
  cpu: 0,
  memory: 0,
  limit: 0,
  received: 0,
  sent: 0,
  blockRead: 0,
  blockWritten: 0,
  pids: 0,
  known: false,
});

function cpuPercent({ cpu_stats: now, precpu_stats: before }: ContainerStatsResponse): number {
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const system = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const cpus = now.online_cpus || now.cpu_usage.percpu_usage?.length || 0;
  return system > 0 && used > 0 ? (used / system) * cpus * 100 : 0;
}

/** Memory without what the kernel keeps of files and can drop: so both versions of control groups count alike. */
function memoryUsed({ memory_stats: { usage = 0, stats } }: ContainerStatsResponse): number {
  for (const key of ["total_inactive_file", "inactive_file"]) {
    const inactive = stats?.[key];
    if (inactive !== undefined && inactive < usage) return usage - inactive;
  }
  return usage;
}

/** One sample of a container as a row. */
export function rowOf(container: string, stats: ContainerStatsResponse): StatsRow {
  const networks = Object.values(stats.networks ?? {});
  const blocks = stats.blkio_stats.io_service_bytes_recursive ?? [];
  const bytes = (letter: string) =>
    blocks.filter(({ op }) => op.toLowerCase().startsWith(letter)).reduce((sum, { value }) => sum + value, 0);
  return {
    container,
    id: stats.id ?? "",
    name: stats.name ?? "",
    cpu: cpuPercent(stats),
    memory: memoryUsed(stats),
    limit: stats.memory_stats.limit ?? 0,
    received: networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
    sent: networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
    blockRead: bytes("r"),
    blockWritten: bytes("w"),
    pids: stats.pids_stats.current ?? 0,
    known: true,
  };
}

const percent = (value: number) => `${value.toFixed(2)}%`;
const pair = (row: StatsRow, left: number, right: number) =>
  row.known ? `${humanSize(left, 3)} / ${humanSize(right, 3)}` : "-- / --";

export const statsTable =
  "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

/** What `docker stats --format` can show. */
export const statsRows = (truncate: boolean): RowKind<StatsRow> => ({
  type: "container.statsContext",
  headers: {
    Container: "CONTAINER",
    Name: "NAME",
    ID: "CONTAINER ID",
    CPUPerc: "CPU %",
    MemUsage: "MEM USAGE / LIMIT",
    MemPerc: "MEM %",
    NetIO: "NET I/O",
    BlockIO: "BLOCK I/O",
    PIDs: "PIDS",
  },
  columns: {
    Container: (row) => row.container,
    Name: (row) => row.name.replace(/^\//, "") || "--",
    ID: (row) => (truncate ? shortId(row.id) : row.id),
    CPUPerc: (row) => (row.known ? percent(row.cpu) : "--"),
    MemUsage: (row) => (row.known ? `${binarySize(row.memory)} / ${binarySize(row.limit)}` : "-- / --"),
    MemPerc: (row) => (row.known ? percent(row.limit > 0 ? (row.memory / row.limit) * 100 : 0) : "--"),
    NetIO: (row) => pair(row, row.received, row.sent).replace("-- / --", "--"),
    BlockIO: (row) => pair(row, row.blockRead, row.blockWritten).replace("-- / --", "--"),
    PIDs: (row) => (row.known ? String(row.pids) : "--"),
  },
});
