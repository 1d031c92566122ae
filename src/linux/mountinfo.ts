import { readFileSync } from "node:fs";

/** A line of /proc/<pid>/mountinfo (proc_pid_mountinfo(5)). */
export interface MountInfo {
  id: number;
  parent: number;
  /** `major:minor` of the file system. */
  device: string;
  /** The directory within the file system that is its root here; for a pinned namespace `net:[4026531840]`. */
  root: string;
  target: string;
  options: string[];
  /** `shared:N`, `master:N`, … */
  propagation: string[];
  type: string;
  source: string;
  superOptions: string[];
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function decodePath(text: string): string {
  if (!text.includes("\\")) return text;
  const bytes = Buffer.from(text).toString("latin1");
  const plain = bytes.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(plain, "latin1").toString();
}

function parseLine(line: string): MountInfo | undefined {
  const fields = line.split(" ");
  const dash = fields.indexOf("-", 6);
  const [id, parent, device, root, target, options] = fields;
  const [type, source, superOptions] = fields.slice(dash + 1);
  if (dash < 0 || options === undefined || superOptions === undefined) return undefined;
  return {
    id: Number(id),
    parent: Number(parent),
    device: device ?? "",
    root: decodePath(root ?? ""),
    target: decodePath(target ?? ""),
    options: options.split(","),
    propagation: fields.slice(6, dash),
    type: type ?? "",
    source: decodePath(source ?? ""),
    superOptions: superOptions.split(","),
  };
}

/** The mounts that the lines of a mountinfo file tell of, in the order in which they were made. */
export function parseMountinfo(lines: readonly string[]): MountInfo[] {
  return lines.map(parseLine).filter((entry) => entry !== undefined);
}

/** The mounts of this process; with `types`, only those of file systems whose type begins with it. */
export function readMounts(type = ""): MountInfo[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return parseMountinfo(type === "" ? lines : lines.filter((line) => line.includes(` - ${type}`)));
}

/** The targets of all mounts, without the rest: a host with a thousand containers has thousands of long lines. */
function targets(): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => decodePath(line.split(" ", 5)[4] ?? ""))
    .filter((target) => target !== "");
}

/** The targets of all mounts at or below `directory`, the last made first: the order to unmount in. */
export function mountsBelow(directory: string): string[] {
  const inside = `${directory.replace(/\/+$/, "")}/`;
  return targets()
    .filter((target) => `${target}/`.startsWith(inside))
    .reverse();
}

/** True when something is mounted exactly at `path` (absolute, without symbolic links). */
export function isMountPoint(path: string): boolean {
  return targets().includes(path);
}
