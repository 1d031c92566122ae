import { readdirSync, readFileSync } from "node:fs";

/** The processes whose command line names `path`: what an engine starts is told where its roots are. */
export function processesNaming(path: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && textOf(`/proc/${pid}/cmdline`).includes(path));
}

/**
 * The memory of an engine's processes together, in MB: what is their own, proportionally where they share it among
 * themselves, and the pages of each file (program, library) once. Not the plain PSS, which falls when somebody else on the
 * machine runs the same program (proc_pid_smaps(5)).
 */
export function memoryOf(pids: readonly number[]): number {
  const files = new Map<string, number>();
  let kilobytes = 0;
  for (const pid of pids) {
    kilobytes += field(textOf(`/proc/${pid}/smaps_rollup`), "Pss_Anon");
    const ofProcess = new Map<string, number>();
    for (const [file, resident] of fileMappings(textOf(`/proc/${pid}/smaps`))) {
      ofProcess.set(file, (ofProcess.get(file) ?? 0) + resident);
    }
    for (const [file, resident] of ofProcess) files.set(file, Math.max(files.get(file) ?? 0, resident));
  }
  return (kilobytes + [...files.values()].reduce((sum, value) => sum + value, 0)) / 1024;
}

/** Each mapping of a file, with the kilobytes of it that are in memory and that no process has made its own. */
function* fileMappings(smaps: string): Generator<[file: string, kilobytes: number]> {
  for (const mapping of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [, device, inode] = /^\S+ \S+ \S+ (\S+) (\d+)/.exec(mapping) ?? [];
    if (inode === undefined || inode === "0") continue;
    yield [`${device} ${inode}`, field(mapping, "Rss") - field(mapping, "Anonymous")];
  }
}

const field = (text: string, name: string) =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The process has ended meanwhile.
    return "";
  }
}
