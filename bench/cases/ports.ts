import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../test/harness/process.ts";
import type { Bench } from "../lib/bench.ts";
import type { BenchCase, Floor } from "../lib/case.ts";
import { time } from "../lib/command.ts";
import { call, type Engine } from "../lib/engine.ts";

const megabytes = 1000;
const requests = 300;
const ports: Readonly<Record<string, number>> = { longshore: 18_081, "docker.io": 18_082, podman: 18_083 };
const barePort = 18_084;
let bare: Bun.Subprocess | undefined;

/** What is served: a file of one gigabyte without content, and a small one. */
function site(bench: Bench): string {
  const folder = join(bench.disk, "site");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "large"), "");
  truncateSync(join(folder, "large"), megabytes * 1_000_000);
  writeFileSync(join(folder, "small"), "hello\n");
  return folder;
}

async function serve(engine: Engine, bench: Bench): Promise<void> {
  const port = ports[engine.name] ?? 0;
  const server = ["busybox", "httpd", "-f", "-p", "80", "-h", "/site"];
  const published = ["-p", `${port}:80`, "-v", `${site(bench)}:/site:ro`];
  await call(engine, "run", "-d", "--name", "web", ...published, ...server);
  await answering(bench.hostAddress, port);
}

const answering = (address: string, port: number) =>
  until(`port ${port} answers`, async () => {
    try {
      return (await fetch(`http://${address}:${port}/small`)).ok;
    } catch {
      // Nobody listens yet.
      return false;
    }
  });

async function throughput(address: string, port: number): Promise<number> {
  const millis = await time(["curl", "-sf", "-o", "/dev/null", `http://${address}:${port}/large`]);
  return megabytes / (millis / 1000);
}

/** A new connection for each request, in milliseconds. */
async function latency(address: string, port: number): Promise<number> {
  const begun = performance.now();
  for (let at = 0; at < requests; at++) {
    const answer = await fetch(`http://${address}:${port}/small`, { keepalive: false });
    if ((await answer.text()) !== "hello\n") throw new Error("the answer is not what is served");
  }
  return (performance.now() - begun) / requests;
}

type Measure = (address: string, port: number) => Promise<number>;

/** The same server on the host, without a container. */
function bareServer(measure: Measure): Floor {
  return {
    what: "busybox httpd on the host",
    async prepare(bench) {
      const server = ["busybox", "httpd", "-f", "-p", String(barePort), "-h", site(bench)];
      if (bare) return;
      bare = Bun.spawn(server);
      // It ends with the namespaces that it is in; nobody waits for it.
      bare.unref();
      await answering(bench.hostAddress, barePort);
    },
    measure: (bench) => measure(bench.hostAddress, barePort),
  };
}

const through = (
  name: string,
  title: string,
  unit: "ms" | "MB/s",
  measure: Measure,
  address: (bench: Bench) => string,
): BenchCase => ({
  name: `port-${name}`,
  title: `published port: ${title}`,
  unit,
  rounds: 5,
  takesPart: ({ isFirst }) => isFirst,
  prepare: serve,
  measure: ({ engine }, bench) => measure(address(bench), ports[engine.name] ?? 0),
  cleanUp: (engine) => call(engine, ...engine.removeForce, "web"),
  floor: bareServer(measure),
});

export const portCases: readonly BenchCase[] = [
  through("throughput", "1 GB by the host's address", "MB/s", throughput, ({ hostAddress }) => hostAddress),
  through("throughput-loopback", "1 GB by 127.0.0.1", "MB/s", throughput, () => "127.0.0.1"),
  through("latency", "a request", "ms", latency, ({ hostAddress }) => hostAddress),
  through("latency-loopback", "a request by 127.0.0.1", "ms", latency, () => "127.0.0.1"),
];
