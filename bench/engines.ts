import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { dist, run, until } from "../test/harness/process.ts";
import { TestRegistry } from "../test/harness/registry.ts";

/** An engine under measurement: how it is called, and with what environment. */
export interface BenchEngine {
  name: string;
  docker: string;
  env: Record<string, string>;
}

/** A journalled ext4 in a file: what both engines keep their data on, whatever the machine's root is. */
async function mountJournalled(root: string): Promise<string> {
  const image = join(root, "disk.img");
  const folder = join(root, "disk");
  for (const command of [
    ["truncate", "-s", "8G", image],
    ["mkfs.ext4", "-q", "-F", image],
    ["mkdir", folder],
    ["mount", "-o", "loop", image, folder],
  ]) {
    const { code, stderr } = await run(command);
    if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  }
  return folder;
}

/** A registry, Longshore, and docker.io where it is installed, all on one journalled file system. */
export class Bench implements AsyncDisposable {
  readonly engines: BenchEngine[] = [];
  /** The journalled file system. */
  disk = "";
  #root = "";
  #registry: TestRegistry | undefined;
  #children: Bun.Subprocess[] = [];

  get registry(): string {
    return this.#registry?.address ?? "";
  }

  static async open(): Promise<Bench> {
    const bench = new Bench();
    bench.#root = await mkdtemp(join(tmpdir(), "longshore-bench-"));
    bench.#registry = await TestRegistry.start();
    bench.disk = await mountJournalled(bench.#root);
    const { disk } = bench;
    await bench.#start("longshore", join(dist, "dockerd"), join(dist, "docker"), disk, []);
    if (existsSync("/usr/sbin/dockerd")) {
      const client = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";
      await run(["ip", "link", "add", "lsbench0", "type", "bridge"]);
      await run(["ip", "address", "add", "172.31.250.1/24", "dev", "lsbench0"]);
      await run(["ip", "link", "set", "lsbench0", "up"]);
      await bench.#start("docker.io", "/usr/sbin/dockerd", client, disk, ["--bridge=lsbench0"]);
    }
    return bench;
  }

  async #start(name: string, dockerd: string, docker: string, disk: string, flags: string[]): Promise<void> {
    const socket = join(this.#root, `${name}.sock`);
    const child = Bun.spawn(
      [
        dockerd,
        `--host=unix://${socket}`,
        `--data-root=${join(disk, name)}`,
        `--exec-root=${this.#execRoot(name)}`,
        `--pidfile=${join(this.#root, `${name}.pid`)}`,
        `--registry-mirror=http://${this.registry}`,
        ...flags,
      ],
      { stdout: "ignore", stderr: Bun.file(join(this.#root, `${name}.log`)) },
    );
    this.#children.push(child);
    const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: join(this.#root, "config") };
    this.engines.push({ name, docker, env });
    await until(`${name} answers`, async () => (await run([docker, "version"], { env })).code === 0, 60);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      child.kill("SIGTERM");
      await child.exited;
    }
    await this.#registry?.[Symbol.asyncDispose]();
    await run(["ip", "link", "delete", "lsbench0"]);
    await run(["umount", this.disk]);
    for (const { name } of this.engines) await rm(this.#execRoot(name), { recursive: true, force: true });
    await rm(this.#root, { recursive: true });
  }

  /** In memory, as it is by default. */
  #execRoot(name: string): string {
    return join("/run", `${basename(this.#root)}-${name}`);
  }
}

/** Milliseconds that a command takes; throws when it fails. */
export async function time(command: readonly string[], env: Record<string, string>): Promise<number> {
  const start = performance.now();
  const { code, stderr } = await run(command, { env });
  if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  return performance.now() - start;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Runs `measure` for each engine in turn, `rounds` times, and prints medians in milliseconds and their ratio. */
export async function compare(
  title: string,
  engines: readonly BenchEngine[],
  rounds: number,
  measure: (engine: BenchEngine) => Promise<number>,
): Promise<void> {
  const times = new Map<string, number[]>(engines.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) times.get(engine.name)?.push(await measure(engine));
  }
  const medians = engines.map(({ name }) => median(times.get(name) ?? []));
  const shown = engines.map(({ name }, at) => `${name} ${medians[at]?.toFixed(1)} ms`).join(", ");
  const [ours = Number.NaN, theirs] = medians;
  const ratio = theirs === undefined ? "" : `, ratio ${(ours / theirs).toFixed(3)}`;
  process.stdout.write(`${title}: ${shown}${ratio}\n`);
}
