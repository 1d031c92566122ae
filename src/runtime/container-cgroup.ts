import { readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../base/async.ts";
import { errnoOf, internal } from "../base/errors.ts";
import type { Cgroups } from "../linux/cgroup.ts";
import { sendSignal } from "../linux/process.ts";

const SIGKILL = 9;

/** `linux.cgroupsPath` as a path below a cgroup mount; the form `slice:prefix:name` is systemd's. */
export function cgroupPathOf(cgroupsPath: string): string {
  const parts = cgroupsPath.split(":");
  const [slice = "", prefix = "", name = ""] = parts;
  if (parts.length !== 3) return join("/", cgroupsPath);
  const scope = prefix === "" ? `${name}.scope` : `${prefix}-${name}.scope`;
  const parents = slice.replace(/\.slice$/, "").split("-");
  const path = parents.map((_, index) => `${parents.slice(0, index + 1).join("-")}.slice`);
  return join("/", ...(slice === "" ? ["system.slice"] : path), scope);
}

/** The cgroups of one container, one in each hierarchy. */
export class ContainerCgroup {
  #hierarchies: Cgroups["hierarchies"];
  #path: string;

  /** `path` as `cgroupPathOf` gives it. */
  constructor({ hierarchies }: Pick<Cgroups, "hierarchies">, path: string) {
    this.#hierarchies = hierarchies;
    this.#path = path;
  }

  /** How many of its processes the kernel has killed for lack of memory; 0 when that cannot be seen. */
  oomKills(): number {
    const memory = this.#hierarchies.find(({ controllers }) => controllers.includes("memory"));
    if (!memory) return 0;
    const file = memory.version === 1 ? "memory.oom_control" : "memory.events";
    const text = readIfThere(join(memory.path, this.#path, file)) ?? "";
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** The processes in it and below, in this process's pid namespace. */
  pids(): number[] {
    const found = new Set<number>();
    for (const directory of this.#directories()) {
      const text = readIfThere(join(directory, "cgroup.procs")) ?? "";
      for (const line of text.split("\n")) if (line !== "") found.add(Number(line));
    }
    return [...found];
  }

  /** Kills all its processes; they may take a moment to be gone. */
  killAll(): void {
    for (const pid of this.pids()) if (pid > 0) sendSignal(pid, SIGKILL);
  }

  /** Kills what is left in it and removes it. Throws `internal` when a process does not go within `millis`. */
  async remove(millis = 10_000): Promise<void> {
    const deadline = performance.now() + millis;
    for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
      const busy = this.#directories().filter((directory) => !removed(directory));
      if (busy.length === 0) return;
      if (performance.now() > deadline) {
        throw internal(`cgroup ${this.#path} is still in use by processes ${this.pids().join(", ")}`);
      }
      this.thaw();
      this.killAll();
      await sleep(pause);
    }
  }

  /** Whether its processes stand still (`docker pause`); undefined when there is no such cgroup. */
  get isFrozen(): boolean | undefined {
    for (const { path, file } of this.#freezers()) {
      const text = readIfThere(join(path, this.#path, file))?.trim();
      if (text !== undefined) return text === "FROZEN" || text === "FREEZING" || text === "1";
    }
    return undefined;
  }

  /** Where it can be frozen; on a host with both versions, the older one is what the runtime uses. */
  #freezers() {
    const v1 = this.#hierarchies.filter(({ controllers }) => controllers.includes("freezer"));
    const v2 = this.#hierarchies.filter(({ version }) => version === 2);
    return [
      ...v1.map(({ path }) => ({ path, file: "freezer.state", thawed: "THAWED" })),
      ...v2.map(({ path }) => ({ path, file: "cgroup.freeze", thawed: "0" })),
    ];
  }

  /** A frozen process does not die (cgroup v1), and does not go on. */
  thaw(): void {
    for (const { path, file, thawed } of this.#freezers()) {
      try {
        writeFileSync(join(path, this.#path, file), thawed, { flag: "r+" });
      } catch {
        // it is not in this hierarchy, or gone
      }
    }
  }

  /** Its directories in all hierarchies, children before their parents. */
  #directories(): string[] {
    return this.#hierarchies.flatMap(({ path }) => below(join(path, this.#path)));
  }
}

function below(directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return []; // it does not exist here
  }
  return [...names.flatMap((name) => below(join(directory, name))), directory];
}

/** rmdir(2); false when a process is still in it. */
function removed(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return true;
    if (errnoOf(error) === "EBUSY" || errnoOf(error) === "ENOTEMPTY") return false;
    throw error;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    // ENODEV: the cgroup went while it was being read.
    if (["ENOENT", "ENODEV", "EOPNOTSUPP"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}
