import { Database } from "bun:sqlite";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { run } from "./process.ts";

/** Where to look for what a daemon has made. */
export interface Domain {
  /** What its roots and its sockets are below. */
  root: string;
  dataRoot: string;
  execRoot: string;
  /** The cgroup below which those of its containers are; no other daemon has it. */
  cgroupParent: string;
  bridge: string;
}

/** Tables whose rows stand for containers and what belongs to them. */
const containerTables = ["containers", "sandboxes", "endpoints", "resources", "volume_users"];
const quietFiles = ["dockerd.lock", "supervisor.lock", "supervisor.log", "resolver.log"];

/**
 * Everything of a daemon that is in the kernel, on the disk and in the database now, one line each. `daemon`: what
 * belongs to the daemon itself; `containers`: what only containers have (a pool of network namespaces counts as the
 * daemon's).
 */
export interface Leftovers {
  daemon: string[];
  containers: string[];
}

export async function leftovers(domain: Domain): Promise<Leftovers> {
  const { root, dataRoot, execRoot, cgroupParent, bridge } = domain;
  const mounts = mountsBelow(root);
  const inNetns = (path: string) => path.startsWith(join(execRoot, "netns"));
  return {
    daemon: [
      ...mounts.filter(inNetns).map((path) => `mount ${path}`),
      ...filesBelow(join(execRoot, "netns")),
      ...processes(root).map((command) => `process ${command}`),
      ...(await links(bridge)),
      ...(await nftTables(bridge)),
      ...rows(dataRoot, "resources", "owner = ''"),
    ],
    containers: [
      ...mounts.filter((path) => !inNetns(path)).map((path) => `mount ${path}`),
      ...cgroupsNamed(cgroupParent)
        .filter((path) => !path.endsWith(cgroupParent))
        .map((path) => `cgroup ${path}`),
      ...readdirSync(execRoot).filter((name) => /^terminal-/.test(name)),
      ...["containers", "runtime"].flatMap((name) => filesBelow(join(execRoot, name), name === "runtime")),
      ...["containers", "trash", "ingest"].flatMap((name) => filesBelow(join(dataRoot, name))),
      ...containerTables.flatMap((table) =>
        rows(dataRoot, table, table === "resources" ? "owner != ''" : "true"),
      ),
    ],
  };
}

/** What is in the exec root when a daemon without running containers has ended: nothing but locks and a log. */
export function looseFiles(execRoot: string): string[] {
  return filesBelow(execRoot, true).filter((path) => !quietFiles.some((name) => path.endsWith(`/${name}`)));
}

/** What is mounted below a folder, as the host sees it. */
export function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${folder}/`));
}

/** Command lines of processes that name a folder: those of a daemon and its supervisor. */
export function processes(folder: string): string[] {
  return pidsOf(folder).map((pid) => commandLine(pid));
}

/** The supervisor of an exec root. A child of it that has not become the runtime yet looks the same. */
export function supervisorPid(execRoot: string): number {
  const found = pidsOf(execRoot).filter((pid) => commandLine(pid).includes("longshore-supervisor"));
  const [pid, ...others] = found.filter((one) => !found.includes(parentOf(one)));
  if (pid === undefined || others.length > 0)
    throw new Error(`supervisors of ${execRoot}: ${found.join(" ")}`);
  return pid;
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    // It has ended meanwhile.
    return 0;
  }
}

/** Processes of a daemon whose command line names a folder; those of the registry and of clients do not count. */
export function pidsOf(folder: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter(
      (pid) =>
        pid > 0 && commandLine(pid).includes(folder) && /dockerd|supervisor|resolver/.test(commandLine(pid)),
    );
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}

/** The cgroup `path` in whatever hierarchies the host has, and all below it, parents first. */
export function cgroupsNamed(path: string): string[] {
  const base = "/sys/fs/cgroup";
  const hierarchies = readdirSync(base, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const places = [join(base, path), ...hierarchies.map(({ name }) => join(base, name, path))];
  const found = new Set(places.filter((place) => existsSync(place)).map((place) => realpathSync(place)));
  return [...found].flatMap((place) => [place, ...foldersBelow(place)]);
}

function foldersBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Names in a folder, not deeper; with `deep`, files (not folders) at any depth. */
function filesBelow(folder: string, deep = false): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: deep })
    .filter((entry) => !deep || !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A bridge and what is plugged into it. */
async function links(bridge: string): Promise<string[]> {
  const { stdout } = await run(["ip", "-o", "link", "show"]);
  return stdout
    .split("\n")
    .filter((line) => line.includes(`master ${bridge} `) || line.split(": ")[1] === bridge)
    .map((line) => `link ${line.split(": ")[1]}`);
}

async function nftTables(bridge: string): Promise<string[]> {
  const { stdout } = await run(["nft", "list", "ruleset"]);
  return stdout
    .split("\n")
    .filter((line) => line.includes(`"${bridge}"`) || line === `table ip longshore_${bridge} {`)
    .map((line) => `nft ${line.trim()}`);
}

function rows(dataRoot: string, table: string, where: string): string[] {
  const file = join(dataRoot, "longshore.db");
  if (!existsSync(file)) return [];
  using database = new Database(file, { readonly: true });
  return database
    .query(`SELECT * FROM ${table} WHERE ${where}`)
    .all()
    .map((row) => `row of ${table} ${JSON.stringify(row)}`);
}
