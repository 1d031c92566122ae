import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, until } from "../harness/process.ts";
import type { TestRegistry } from "../harness/registry.ts";

export const dockerd = "/usr/sbin/dockerd";

/**
 * Runs what follows in a mount namespace of its own without the host's plugins: Docker asks every one that it finds, on
 * many occasions, and waits half a minute for one that another test has just ended.
 */
const withoutPlugins = [
  ...["unshare", "--mount", "--propagation", "slave", "sh", "-ec"],
  'mkdir -p /run/docker/plugins; mount --make-rshared /; mount -t tmpfs none /run/docker/plugins; exec "$0" "$@"',
];

/** True where docker.io is installed. */
export const hasReference = existsSync(dockerd);

/** A real Docker with roots, bridge and socket of its own, to compare with. */
export class ReferenceDaemon implements AsyncDisposable {
  readonly #root: string;
  readonly #bridge: string;
  #child: Bun.Subprocess | undefined;

  private constructor(root: string) {
    this.#root = root;
    this.#bridge = `lsref${process.pid % 100_000}`;
  }

  get host(): string {
    return `unix://${join(this.#root, "docker.sock")}`;
  }

  static async start(registry: TestRegistry): Promise<ReferenceDaemon> {
    const daemon = new ReferenceDaemon(await mkdtemp(join(tmpdir(), "reference-")));
    await daemon.#launch(registry.url);
    return daemon;
  }

  async #launch(mirror: string): Promise<void> {
    const bridge = this.#bridge;
    await run(["ip", "link", "add", bridge, "type", "bridge"]);
    await run(["ip", "address", "add", `172.31.${process.pid % 250}.1/24`, "dev", bridge]);
    await run(["ip", "link", "set", bridge, "up"]);
    const flags = [
      `--host=${this.host}`,
      `--data-root=${join(this.#root, "data")}`,
      `--exec-root=${join(this.#root, "exec")}`,
      `--pidfile=${join(this.#root, "pid")}`,
      `--bridge=${bridge}`,
      "--iptables=false",
      `--registry-mirror=${mirror}`,
    ];
    const log = Bun.file(join(this.#root, "log"));
    this.#child = Bun.spawn([...withoutPlugins, dockerd, ...flags], { stdout: "ignore", stderr: log });
    const env = { DOCKER_HOST: this.host };
    await until("Docker answers", async () => (await run(["docker", "version"], { env })).code === 0, 60);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill("SIGTERM");
    await this.#child?.exited;
    await run(["ip", "link", "delete", this.#bridge]);
    const mounted = `awk '{print $5}' /proc/self/mountinfo | grep '^${this.#root}/' | xargs -r umount -l`;
    await run(["sh", "-c", mounted]);
    await rm(this.#root, { recursive: true, force: true });
  }
}
