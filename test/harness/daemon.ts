import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dist, type Finished, run, until } from "./process.ts";
import { TestRegistry } from "./registry.ts";

/**
 * A daemon of ours with roots, bridge and socket of its own, and a registry as its mirror of Docker Hub. Disposing of
 * it removes its containers, ends it, and throws when it has left anything behind in the kernel or on the disk.
 */
export class TestDaemon implements AsyncDisposable {
  readonly root: string;
  readonly registry: TestRegistry;
  readonly #flags: readonly string[];
  #child: Bun.Subprocess | undefined;

  private constructor(root: string, registry: TestRegistry, flags: readonly string[]) {
    this.root = root;
    this.registry = registry;
    this.#flags = flags;
  }

  static async start(options: { flags?: readonly string[] } = {}): Promise<TestDaemon> {
    const root = await mkdtemp(join(tmpdir(), "longshore-"));
    const daemon = new TestDaemon(root, await TestRegistry.start(), options.flags ?? []);
    await daemon.launch();
    return daemon;
  }

  get socket(): string {
    return join(this.root, "docker.sock");
  }

  get host(): string {
    return `unix://${this.socket}`;
  }

  get dataRoot(): string {
    return join(this.root, "data");
  }

  get execRoot(): string {
    return join(this.root, "exec");
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts the daemon (again). */
  async launch(): Promise<void> {
    const child = Bun.spawn(
      [
        join(dist, "dockerd"),
        `--host=${this.host}`,
        `--data-root=${this.dataRoot}`,
        `--exec-root=${this.execRoot}`,
        `--pidfile=${join(this.root, "dockerd.pid")}`,
        `--registry-mirror=${this.registry.url}`,
        ...this.#flags,
      ],
      { stdout: "ignore", stderr: Bun.file(join(this.root, "dockerd.log")) },
    );
    this.#child = child;
    await until("the daemon answers", async () => {
      if (child.exitCode !== null) throw new Error(`dockerd ended: ${await this.log()}`);
      return (await this.docker("version")).code === 0;
    });
  }

  log(): Promise<string> {
    return readFile(join(this.root, "dockerd.log"), "utf8");
  }

  /** Ends the daemon, not its containers. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#child?.kill(signal);
    await this.#child?.exited;
  }

  /** Runs our client. */
  docker(...args: string[]): Promise<Finished> {
    return run([join(dist, "docker"), ...args], { env: this.env });
  }

  /** As `docker`; throws when it fails, and returns what it printed, trimmed. */
  async must(...args: string[]): Promise<string> {
    const { stdout, stderr, code } = await this.docker(...args);
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: exit ${code}: ${stderr}\n${await this.log()}`);
    return stdout.trim();
  }

  get env(): Record<string, string> {
    return { DOCKER_HOST: this.host, DOCKER_CONFIG: join(this.root, "config") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ids = (await this.must("ps", "-aq", "--no-trunc")).split("\n").filter(Boolean);
    if (ids.length > 0) await this.must("rm", "-f", "-v", ...ids);
    await this.end("SIGTERM");
    await this.registry[Symbol.asyncDispose]();
    const log = await this.log();
    await until("its processes are gone", () => this.processes().length === 0);
    const left = [...this.mounts(), ...this.entries(this.execRoot)];
    await rm(this.root, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}\n${log}`);
  }

  /** What is mounted below its roots, for the host. */
  mounts(): string[] {
    return readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "")
      .filter((path) => path.startsWith(this.root));
  }

  /** Command lines of processes that name its roots: the daemon, the supervisor. */
  processes(): string[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => commandLine(pid))
      .filter((line) => line.includes(this.root) && !line.includes("docker-registry"));
  }

  entries(folder: string): string[] {
    return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}
