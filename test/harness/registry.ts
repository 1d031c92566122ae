import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dist, run, until } from "./process.ts";

/** A registry of ours on a free port of loopback, holding hello-world and busybox. */
export class TestRegistry implements AsyncDisposable {
  readonly address: string;
  readonly #root: string;
  readonly #child: Bun.Subprocess;

  private constructor(address: string, root: string, child: Bun.Subprocess) {
    this.address = address;
    this.#root = root;
    this.#child = child;
  }

  get url(): string {
    return `http://${this.address}`;
  }

  static async start(): Promise<TestRegistry> {
    const root = await mkdtemp(join(tmpdir(), "longshore-registry-"));
    const program = join(dist, "docker-registry");
    const seeded = await run([program, "seed", "--root", root]);
    if (seeded.code !== 0) throw new Error(seeded.stderr);
    const address = `127.0.0.1:${await freePort()}`;
    const child = Bun.spawn([program, "serve", "--addr", address, "--root", root], {
      stdout: "ignore",
      stderr: "ignore",
    });
    await until("the registry answers", () => answers(`http://${address}/v2/`));
    return new TestRegistry(address, root, child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.exited;
    await rm(this.#root, { recursive: true });
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    // Nobody listens yet.
    return false;
  }
}

/** Lower ones are those of servers that a host may have. */
const lowestPort = 10_000;

/**
 * A TCP port that nobody uses on any address. It is none of those that the kernel gives to outgoing connections and to
 * who asks for any port: one of these could be taken by another test before it is used.
 */
export async function freePort(): Promise<number> {
  const [ephemeral = 0] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8")
    .split(/\s+/)
    .map(Number);
  const end = Math.max(ephemeral, lowestPort + 10_000);
  for (;;) {
    const port = lowestPort + Math.floor(Math.random() * (end - lowestPort));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "0.0.0.0", () => server.close(() => resolve(true)));
  });
}
