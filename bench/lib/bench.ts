import { existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { messageOf } from "../../src/base/errors.ts";
import { dist } from "../../test/harness/process.ts";
import { TestRegistry } from "../../test/harness/registry.ts";
import { DaemonEngine } from "../engines/daemon-engine.ts";
import { Podman } from "../engines/podman.ts";
import { RuntimeView } from "../engines/runtime-view.ts";
import { output } from "./command.ts";
import { Contestant, call, type Engine } from "./engine.ts";

export interface BenchOptions {
  /** The benchmark's own folder: `disk` in it is the measured file system, `run` is in memory. */
  folder: string;
  /** The peers to measure beside. */
  peers: readonly string[];
  /** What our daemon finds in its environment beside the usual. */
  env?: Readonly<Record<string, string>>;
}

/** Docker's bridge: a bridge of its own, so that its `docker0` does not come into being. */
const peerBridge = { name: "lsbench0", address: "172.31.250.1" };

/** The engines, started one after another, and what all of them work with. */
export class Bench implements AsyncDisposable {
  readonly contestants: Contestant[] = [];
  /** Peers that could not be measured, and why. */
  readonly absent: string[] = [];
  readonly disk: string;
  readonly run: string;
  readonly registry: string;
  /** Where a bare OCI runtime works. */
  readonly view: RuntimeView;
  /** An address of the host that is not loopback's. */
  readonly hostAddress = peerBridge.address;
  /** The cgroup below which all containers are; it has the name of the benchmark's folder. */
  readonly cgroupParent: string;
  readonly #registry: TestRegistry;

  private constructor(folder: string, registry: TestRegistry, view: RuntimeView) {
    this.disk = join(folder, "disk");
    this.run = join(folder, "run");
    this.cgroupParent = `/${basename(folder)}`;
    this.#registry = registry;
    this.registry = registry.address;
    this.view = view;
  }

  static async open({ folder, peers, env = {} }: BenchOptions): Promise<Bench> {
    const bench = new Bench(folder, await TestRegistry.start(), await RuntimeView.open());
    await output(["ip", "link", "add", peerBridge.name, "type", "bridge"]);
    await output(["ip", "address", "add", `${peerBridge.address}/24`, "dev", peerBridge.name]);
    await output(["ip", "link", "set", peerBridge.name, "up"]);
    mkdirSync(join(bench.run, "config"));
    await bench.#add(bench.#longshore(env));
    if (peers.includes("docker.io")) await bench.#tryToAdd("docker.io", () => bench.#docker());
    if (peers.includes("podman")) await bench.#tryToAdd("podman", () => bench.#podman());
    return bench;
  }

  get engines(): Engine[] {
    return [...new Set(this.contestants.map(({ engine }) => engine))];
  }

  #longshore(env: Readonly<Record<string, string>>): Engine {
    return this.#daemon("longshore", join(dist, "docker"), [join(dist, "dockerd")], env);
  }

  #docker(): Engine {
    const own = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";
    return this.#daemon("docker.io", Bun.which("docker") ?? own, [
      "/usr/sbin/dockerd",
      `--bridge=${peerBridge.name}`,
    ]);
  }

  #daemon(
    name: "longshore" | "docker.io",
    docker: string,
    dockerd: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Engine {
    const { disk, run, registry } = this;
    return new DaemonEngine({
      name,
      docker,
      dockerd: [...dockerd, `--registry-mirror=http://${registry}`],
      env,
      disk,
      run,
      cgroupParent: `${this.cgroupParent}/${name}`,
    });
  }

  #podman(): Engine {
    return Podman.open({ disk: this.disk, run: this.run, registry: this.registry, view: this.view });
  }

  async #tryToAdd(name: string, make: () => Engine): Promise<void> {
    try {
      await this.#add(make());
    } catch (error) {
      this.absent.push(`${name}: ${messageOf(error)}`);
    }
  }

  /** Starts an engine, and gives it the images that all have; with Docker's own client ours is a contestant twice. */
  async #add(engine: Engine): Promise<void> {
    await engine.daemon?.start();
    for (const image of ["hello-world", "busybox"]) await call(engine, "pull", "-q", image);
    await call(engine, "run", "--rm", "hello-world");
    this.contestants.push(new Contestant(engine.name, engine));
    const docker = Bun.which("docker");
    if (engine.name !== "longshore" || !docker) return;
    this.contestants.push(
      new Contestant("longshore, Go client", engine, { ...engine.client, argv: [docker] }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const engine of this.engines) await engine.end();
    this.view[Symbol.dispose]();
    await this.#registry[Symbol.asyncDispose]();
  }
}
