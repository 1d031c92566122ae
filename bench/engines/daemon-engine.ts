import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, call, type DaemonControl, type Engine } from "../lib/engine.ts";
import { processesNaming } from "../lib/processes.ts";

export interface DaemonOptions {
  name: "longshore" | "docker.io";
  /** The program and flags beside those that name its roots. */
  dockerd: readonly string[];
  docker: string;
  /** Folders of the benchmark: on the measured disk, and in memory. */
  disk: string;
  run: string;
  cgroupParent: string;
  env?: Readonly<Record<string, string>>;
}

/** How often a daemon that starts is asked, in milliseconds. */
const pollMillis = 2;
const patienceMillis = 120_000;

/** An engine that is a daemon with Docker's flags: ours, and Docker. */
export class DaemonEngine implements Engine {
  readonly name;
  readonly client: Client;
  readonly unrotated = ["--log-opt", "max-size=4g"];
  readonly removeForce = ["rm", "-f"];
  readonly daemon: DaemonControl = { start: () => this.#start(), stop: () => this.#stop() };
  readonly #options: DaemonOptions;
  readonly #socket: string;
  readonly #home: string;
  #child: Bun.Subprocess | undefined;

  constructor(options: DaemonOptions) {
    this.name = options.name;
    this.#options = options;
    this.#home = join(options.run, options.name);
    this.#socket = join(options.run, `${options.name}.sock`);
    this.client = {
      argv: [options.docker],
      env: { DOCKER_HOST: `unix://${this.#socket}`, DOCKER_CONFIG: join(options.run, "config") },
    };
  }

  async version(): Promise<string> {
    const template = "{{.ServerVersion}}, {{.DefaultRuntime}}, {{.Driver}}";
    return `${await call(this, "info", "--format", template)}, called by ${await call(this, "--version")}`;
  }

  processes(): number[] {
    return processesNaming(this.#home);
  }

  async #start(): Promise<number> {
    const { name, dockerd, disk, run, cgroupParent, env } = this.#options;
    const log = join(disk, `${name}.log`);
    const begun = performance.now();
    const child = Bun.spawn(
      [
        ...dockerd,
        `--host=unix://${this.#socket}`,
        `--data-root=${join(disk, name)}`,
        `--exec-root=${this.#home}`,
        `--pidfile=${join(run, `${name}.pid`)}`,
        `--cgroup-parent=${cgroupParent}`,
      ],
      { stdout: "ignore", stderr: Bun.file(log), env: { ...process.env, ...env } },
    );
    this.#child = child;
    while (!(await this.#answers())) {
      const ended = child.exitCode !== null || performance.now() - begun > patienceMillis;
      if (ended) throw new Error(`${name} did not start: ${lastLines(log)}`);
      await Bun.sleep(pollMillis);
    }
    return performance.now() - begun;
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch("http://daemon/_ping", { unix: this.#socket })).ok;
    } catch {
      // Nobody listens yet.
      return false;
    }
  }

  async #stop(): Promise<number> {
    const begun = performance.now();
    this.#child?.kill("SIGTERM");
    await this.#child?.exited;
    this.#child = undefined;
    return performance.now() - begun;
  }

  async end(): Promise<void> {
    await this.#stop();
  }
}

function lastLines(path: string): string {
  return readFileSync(path, "utf8").split("\n").slice(-8).join("\n");
}
