import { readdirSync, readFileSync } from "node:fs";

/** The processes whose command line names `path`: what an engine starts is told where its roots are. */
export function processesNaming(path: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && textOf(`/proc/${pid}/cmdline`).includes(path));
}

/** The proportional share of memory of processes together, in MB (proc_pid_smaps(5)). */
export function pssOf(pids: readonly number[]): number {
  const kilobytes = (pid: number) =>
    Number(/^Pss:\s+(\d+)/m.exec(textOf(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
  return pids.reduce((sum, pid) => sum + kilobytes(pid), 0) / 1024;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The process has ended meanwhile.
    return "";
  }
}
