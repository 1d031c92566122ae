/**
 * A blob of 1 GB up and down, and 200 small pulls at once, side by side: Debian's docker-registry and Longshore's in
 * turn, in one run. Needs `npm run build`, curl, and docker-registry for the comparison.
 *
 *     bun bench/registry.ts [ROUNDS]
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "../src/oci/digester.ts";
import { dist, run, until } from "../test/harness/process.ts";
import { freePort } from "../test/harness/registry.ts";

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const blobSize = 1_000_000_000;
const pulls = 200;
const rounds = Number(process.argv[2] ?? 3);

interface Server {
  name: string;
  url: string;
  child: Bun.Subprocess;
  upload: number[];
  download: number[];
  small: number[];
}

const folder = await mkdtemp(join(tmpdir(), "longshore-bench-registry-"));
const servers: Server[] = [];

async function start(name: string, argv: (address: string, root: string) => string[]): Promise<void> {
  const address = `127.0.0.1:${await freePort()}`;
  const child = Bun.spawn(argv(address, join(folder, name)), { stdout: "ignore", stderr: "ignore" });
  const url = `http://${address}`;
  servers.push({ name, url, child, upload: [], download: [], small: [] });
  await until(`${name} answers`, async () => (await fetch(`${url}/v2/`).catch(() => undefined))?.ok ?? false);
}

/** Seconds that curl takes. */
async function curl(...argv: string[]): Promise<number> {
  const { stdout, code, stderr } = await run([
    "curl",
    "-sf",
    "-o",
    "/dev/null",
    "-w",
    "%{time_total}",
    ...argv,
  ]);
  if (code !== 0) throw new Error(`curl: ${stderr}`);
  return Number(stdout);
}

async function upload(url: string, repository: string, file: string, digest: string): Promise<number> {
  const started = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  const location = new URL(started.headers.get("location") ?? "", url);
  const began = performance.now();
  const head = join(folder, "head");
  await curl(
    "-X",
    "PATCH",
    "-H",
    "Expect:",
    "-H",
    "Content-Type: application/octet-stream",
    "-T",
    file,
    "-D",
    head,
    String(location),
  );
  const next = new URL(/^location: *(\S+)/im.exec(readFileSync(head, "latin1"))?.[1] ?? location, url);
  next.searchParams.set("digest", digest);
  await curl("-X", "PUT", String(next));
  return (performance.now() - began) / 1000;
}

async function pushSmall(url: string): Promise<void> {
  const content = "x".repeat(20_000);
  await Bun.write(join(folder, "small"), content);
  const digest = sha256Of(content);
  await upload(url, "small", join(folder, "small"), digest);
  const part = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: content.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config: part, layers: [part] });
  const put = await fetch(`${url}/v2/small/manifests/1`, {
    method: "PUT",
    body,
    headers: { "Content-Type": manifestType },
  });
  if (put.status !== 201) throw new Error(await put.text());
}

async function pullSmall(url: string): Promise<void> {
  const manifest = await fetch(`${url}/v2/small/manifests/1`, { headers: { Accept: manifestType } });
  const { layers } = (await manifest.json()) as { layers: { digest: string }[] };
  const blob = await fetch(`${url}/v2/small/blobs/${layers[0]?.digest}`);
  if ((await blob.text()).length !== 20_000) throw new Error("a pull is not whole");
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** The most memory that the server ever had, in MB. */
function peak({ child }: Server): number {
  const kilobytes = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, "latin1"))?.[1];
  return Math.round(Number(kilobytes) / 1024);
}

try {
  await start("longshore", (address, root) => [
    join(dist, "docker-registry"),
    "serve",
    "--addr",
    address,
    "--root",
    root,
  ]);
  if (existsSync("/usr/bin/docker-registry")) {
    const config = join(folder, "config.yml");
    await start("docker-registry", (address, root) => {
      const log = { level: "error", accesslog: { disabled: true } };
      const storage = { filesystem: { rootdirectory: root }, delete: { enabled: true } };
      writeFileSync(config, JSON.stringify({ version: 0.1, log, storage, http: { addr: address } }));
      return ["/usr/bin/docker-registry", "serve", config];
    });
  }
  const file = join(folder, "blob");
  await run(["sh", "-c", `head -c ${blobSize} /dev/urandom > ${file}`]);
  const digest = `sha256:${(await run(["sha256sum", file])).stdout.slice(0, 64)}`;
  for (const { url } of servers) await pushSmall(url);
  for (let round = 0; round < rounds; round++) {
    for (const { url, upload: up, download, small } of servers) {
      up.push(await upload(url, "big", file, digest));
      download.push(await curl(`${url}/v2/big/blobs/${digest}`));
      const began = performance.now();
      await Promise.all(Array.from({ length: pulls }, () => pullSmall(url)));
      small.push((performance.now() - began) / 1000);
      await fetch(`${url}/v2/big/blobs/${digest}`, { method: "DELETE" });
    }
  }
  const [own, other] = servers;
  for (const what of ["upload", "download", "small"] as const) {
    const times = servers.map((server) => `${server.name} ${median(server[what]).toFixed(2)} s`).join(", ");
    const ratio =
      own && other ? `; speed ${((100 * median(other[what])) / median(own[what])).toFixed(0)} %` : "";
    console.log(`${what === "small" ? `${pulls} small pulls at once` : `1 GB ${what}`}: ${times}${ratio}`);
  }
  for (const server of servers) console.log(`most memory of ${server.name}: ${peak(server)} MB`);
} finally {
  for (const { child } of servers) {
    child.kill();
    await child.exited;
  }
  await rm(folder, { recursive: true, force: true });
}
