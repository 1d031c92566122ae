import { readFileSync, writeFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  cgroupsNamed,
  type Domain,
  type Leftovers,
  leftovers,
  looseFiles,
  pidsOf,
  processes,
  supervisorPid,
} from "./leftovers.ts";
import { dist, type Finished, run, until, untilEmpty } from "./process.ts";
import { TestRegistry } from "./registry.ts";

export interface TestDaemonOptions {
  flags?: readonly string[];
  /** Images that it has from the beginning. */
  images?: readonly string[];
  /** One that others use too, and that they end. */
  registry?: TestRegistry;
  /** Its data root, where it is not to be below its other folders; whoever gives it removes it. */
  dataRoot?: string;
}

/** A name that no interface can have. */
const noBridge = "/";

/** Which client asks the daemon: our own, unless a test says otherwise. */
const ourClient = join(dist, "docker");

/**
 * A daemon of ours with roots, bridge, cgroup and socket of its own, and a registry as its mirror of Docker Hub.
 * Disposing of it removes its containers, ends it, and throws when it has left anything behind in the kernel, on the
 * disk or in its database.
 */
export class TestDaemon implements AsyncDisposable {
  readonly root: string;
  readonly registry: TestRegistry;
  readonly #ownsRegistry: boolean;
  readonly #flags: readonly string[];
  readonly dataRoot: string;
  #child: Bun.Subprocess | undefined;
  #bridge = "";
  client = ourClient;

  private constructor(root: string, registry: TestRegistry, options: TestDaemonOptions) {
    this.root = root;
    this.registry = registry;
    this.#ownsRegistry = options.registry === undefined;
    this.#flags = options.flags ?? [];
    this.dataRoot = options.dataRoot ?? join(root, "data");
    if (this.#flags.includes("--bridge=none")) this.#bridge = noBridge;
  }

  static async start(options: TestDaemonOptions = {}): Promise<TestDaemon> {
    const root = await mkdtemp(join(tmpdir(), "longshore-"));
    // Containers with other ids have to get through.
    await chmod(root, 0o711);
    const daemon = new TestDaemon(root, options.registry ?? (await TestRegistry.start()), options);
    await daemon.launch();
    for (const image of options.images ?? []) await daemon.must("pull", "-q", image);
    return daemon;
  }

  get socket(): string {
    return join(this.root, "docker.sock");
  }

  get host(): string {
    return `unix://${this.socket}`;
  }

  get execRoot(): string {
    return join(this.root, "exec");
  }

  get cgroupParent(): string {
    return `/${basename(this.root)}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The most memory that it has had since it was asked last, in MB. */
  peak(): number {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8")) ?? [];
    writeFileSync(`/proc/${this.pid}/clear_refs`, "5");
    return Number(kilobytes) / 1024;
  }

  get supervisorPid(): number {
    return supervisorPid(this.execRoot);
  }

  /** Starts the daemon (again). */
  async launch(): Promise<void> {
    const child = Bun.spawn(this.#command(join(this.root, "dockerd.pid")), {
      env: { ...process.env },
      stdout: "ignore",
      stderr: Bun.file(join(this.root, "dockerd.log")),
    });
    this.#child = child;
    await until("the daemon answers", async () => {
      if (child.exitCode !== null) throw new Error(`dockerd ended: ${await this.log()}`);
      // Who reaches the socket of a daemon that was killed and cannot end gets no answer.
      return (await run(["timeout", "5", this.client, "version"], { env: this.env })).code === 0;
    });
  }

  #command(pidfile: string): string[] {
    return [
      join(dist, "dockerd"),
      `--host=${this.host}`,
      `--data-root=${this.dataRoot}`,
      `--exec-root=${this.execRoot}`,
      `--pidfile=${pidfile}`,
      `--cgroup-parent=${this.cgroupParent}`,
      `--registry-mirror=${this.registry.url}`,
      ...this.#flags,
    ];
  }

  /** Starts another daemon with the same roots, and waits for its end. */
  second(): Promise<Finished> {
    return run(this.#command(join(this.root, "second.pid")));
  }

  /** Checks its image store; it must not run. */
  verify(): Promise<Finished> {
    return run([...this.#command(join(this.root, "verify.pid")), "--verify"]);
  }

  log(): Promise<string> {
    return readFile(join(this.root, "dockerd.log"), "utf8");
  }

  /** Ends the daemon, not its containers. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#child?.kill(signal);
    await this.#child?.exited;
    this.#child = undefined;
  }

  /** Runs the client. */
  docker(...args: string[]): Promise<Finished> {
    return run([this.client, ...args], { env: this.env });
  }

  /** As `docker`, with something for its standard input. */
  feed(input: string, ...args: string[]): Promise<Finished> {
    return run([this.client, ...args], { env: this.env, input });
  }

  /** As `docker`; throws when it fails, and returns what it printed, trimmed. */
  async must(...args: string[]): Promise<string> {
    const { stdout, stderr, code } = await this.docker(...args);
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: exit ${code}: ${stderr}\n${await this.log()}`);
    return stdout.trim();
  }

  /** A field of `docker inspect`, by a Go template. */
  inspect(container: string, template: string): Promise<string> {
    return this.must("inspect", "--format", template, container);
  }

  get env(): Record<string, string> {
    return { DOCKER_HOST: this.host, DOCKER_CONFIG: join(this.root, "config") };
  }

  /** What it has in the kernel, on the disk and in its database now. */
  async leftovers(): Promise<Leftovers> {
    if (this.#bridge === "") {
      const template = '{{index .Options "com.docker.network.bridge.name"}}';
      this.#bridge = await this.must("network", "inspect", "bridge", "--format", template);
    }
    const { root, dataRoot, execRoot, cgroupParent } = this;
    const domain: Domain = { root, dataRoot, execRoot, cgroupParent, bridge: this.#bridge };
    return leftovers(domain);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#child) await this.launch();
      const ids = (await this.must("ps", "-aq", "--no-trunc")).split("\n").filter(Boolean);
      if (ids.length > 0) await this.must("rm", "-f", "-v", ...ids);
      await this.leftovers();
      const index = interfaceIndex(this.#bridge);
      await this.end("SIGTERM");
      await this.#isClean(index);
    } finally {
      await this.#sweep();
      if (this.#ownsRegistry) await this.registry[Symbol.asyncDispose]();
    }
  }

  /** `index` is that of its bridge: another daemon may take the name as soon as it is free. */
  async #isClean(index: number | undefined): Promise<void> {
    await until("its processes are gone", () => processes(this.root).length === 0);
    try {
      await untilEmpty("nothing is left", async () => {
        const now = interfaceIndex(this.#bridge);
        if (now !== undefined && now !== index) this.#bridge = noBridge;
        const { daemon, containers } = await this.leftovers();
        return [...daemon, ...containers, ...looseFiles(this.execRoot)];
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await this.log()}`);
    }
  }

  /** After a test that failed, nothing may stay either: it would disturb others. */
  async #sweep(): Promise<void> {
    this.#child?.kill("SIGKILL");
    const groups = cgroupsNamed(this.cgroupParent);
    for (let round = 0; round < 50; round++) {
      const pids = [...groups.flatMap(processesIn), ...pidsOf(this.root)];
      if (pids.length === 0) break;
      for (const pid of pids) killIfThere(pid);
      await Bun.sleep(20);
    }
    for (const group of groups.toReversed()) await rmdir(group).catch(() => {});
    await run([
      "sh",
      "-c",
      `awk '{print $5}' /proc/self/mountinfo | grep '^${this.root}/' | xargs -r umount -l`,
    ]);
    await rm(this.root, { recursive: true, force: true });
  }
}

/** As the kernel counts them; undefined when there is no interface of that name. */
function interfaceIndex(name: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, "utf8"));
  } catch {
    return undefined;
  }
}

function processesIn(cgroup: string): number[] {
  try {
    return readFileSync(join(cgroup, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    // The cgroup has gone.
    return [];
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
