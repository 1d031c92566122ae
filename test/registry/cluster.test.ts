import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { sleep } from "../../src/base/async.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { freePort } from "../harness/registry.ts";
import { serve } from "./program.ts";
import { hasPostgres, hasS3, startPostgres, startS3 } from "./services.ts";

/** Images that each of the 8 clients pushes, and pulls one for; 32 make more than 500 of both. */
const perClient = Number(process.env.CLUSTER_IMAGES ?? 4);
const total = 8 * perClient;

const missing = [
  !hasPostgres && "PostgreSQL (postgresql)",
  !hasS3 && "an S3 server (npm ci --prefix test/registry/s3-server)",
].filter(Boolean);

/** Two registries on one bucket and one database, with what they share. */
async function startPair() {
  // What was started ends also when what comes after it does not start.
  await using started = new AsyncDisposableStack();
  const postgres = started.use(await startPostgres());
  const s3 = started.use(await startS3());
  const folder = await mkdtemp("/tmp/registry-cluster-");
  started.defer(() => rm(folder, { recursive: true }));
  const { bucket, endpoint, region, accessKeyId, secretAccessKey, prefix } = s3.options;
  const config = join(folder, "config.yml");
  await Bun.write(
    config,
    Bun.YAML.stringify({
      version: 0.1,
      database: postgres.url,
      storage: {
        s3: {
          bucket,
          region,
          regionendpoint: endpoint,
          accesskey: accessKeyId,
          secretkey: secretAccessKey,
          rootdirectory: prefix,
        },
      },
    }),
  );
  const ports = [await freePort(), await freePort()];
  const start = (index: number) => serve("--config", config, "--addr", `127.0.0.1:${ports[index]}`);
  const running: Awaited<ReturnType<typeof start>>[] = [];
  started.defer(async () => {
    for (const one of running) await one[Symbol.asyncDispose]();
  });
  for (const index of [0, 1]) running.push(await start(index));
  const all = started.move();
  return {
    ports,
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    kill: async (index: number) => running[index]?.[Symbol.asyncDispose](),
    restart: async (index: number) => {
      running[index] = await start(index);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** A plain round-robin: each connection goes to the next of `ports`, or to another when nobody listens there. */
async function balance(ports: readonly number[]) {
  let next = 0;
  const server = createServer((client) => {
    client.on("error", () => {});
    const from = next++;
    const attempt = (tries: number): void => {
      const upstream: Socket = connect(ports[(from + tries) % ports.length] ?? 0, "127.0.0.1");
      upstream.once("connect", () => client.pipe(upstream).pipe(client));
      upstream.on("error", () => {
        if (upstream.connecting || upstream.bytesRead > 0 || tries + 1 >= ports.length) client.destroy();
        else attempt(tries + 1);
      });
      upstream.on("close", () => upstream.bytesRead > 0 && client.destroy());
    };
    attempt(0);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, [Symbol.dispose]: () => void server.close() };
}

async function request(
  base: string,
  method: string,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const answer = await fetch(new URL(path, base), {
    ...init,
    method,
    headers: { ...init.headers, Connection: "close" },
    keepalive: false,
  });
  if (answer.status >= 500) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/** Pushes a blob in two chunks and a finish, each of which may reach another instance. */
async function pushBlob(base: string, name: string, content: Buffer) {
  const digest = sha256Of(content);
  const started = await request(base, "POST", `/v2/${name}/blobs/uploads/`);
  let location = started.headers.get("location") ?? "";
  const half = content.length >> 1;
  for (const [start, end] of [
    [0, half],
    [half, content.length],
  ] as const) {
    const headers = { "Content-Range": `${start}-${end - 1}` };
    const answer = await request(base, "PATCH", location, { body: content.subarray(start, end), headers });
    expect(answer.status).toBe(202);
    location = answer.headers.get("location") ?? "";
  }
  expect((await request(base, "PUT", `${location}?digest=${digest}`)).status).toBe(201);
  return { mediaType: mediaTypes.ociLayer, digest, size: content.length };
}

async function pushImage(base: string, name: string, tag: string, text: string): Promise<void> {
  const layer = await pushBlob(base, name, Buffer.from(text.repeat(50)));
  const config = {
    ...(await pushBlob(base, name, Buffer.from(`{"of":"${text}"}`))),
    mediaType: mediaTypes.ociConfig,
  };
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers: [layer],
  });
  const headers = { "Content-Type": mediaTypes.ociManifest };
  const answer = await request(base, "PUT", `/v2/${name}/manifests/${tag}`, { body, headers });
  expect([answer.status, answer.headers.get("docker-content-digest")]).toEqual([201, sha256Of(body)]);
}

async function pullImage(base: string, name: string, tag: string, text: string): Promise<void> {
  const manifest = await request(base, "GET", `/v2/${name}/manifests/${tag}`);
  expect([name, tag, manifest.status]).toEqual([name, tag, 200]);
  const { layers } = (await manifest.json()) as { layers: { digest: string }[] };
  const blob = await request(base, "GET", `/v2/${name}/blobs/${layers[0]?.digest}`);
  expect(await blob.text()).toBe(text.repeat(50));
}

/** A client tries again when its connection broke. */
async function persistently(task: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await task();
    } catch (error) {
      // An expectation that failed is no broken connection.
      if (attempt >= 20 || (error instanceof Error && error.message.includes("expect("))) throw error;
      await sleep(100);
    }
  }
}

test.skipIf(missing.length > 0)(
  `two registries serve clients in turn while one is killed and started again: nothing is lost${missing.length > 0 ? ` (skipped: ${missing.join(" and ")} is not installed)` : ""}`,
  async () => {
    await using pair = await startPair();
    using front = await balance(pair.ports);
    const pushed: [string, string, string][] = [];
    const client = async (id: number, count: number) => {
      for (let n = 0; n < count; n++) {
        const image: [string, string, string] = [`team/app${id % 3}`, `c${id}-${n}`, `content ${id} ${n} `];
        await persistently(() => pushImage(front.url, ...image));
        pushed.push(image);
        const earlier = pushed[Math.floor(Math.random() * pushed.length)] ?? image;
        await persistently(() => pullImage(front.url, ...earlier));
      }
    };
    const clients = Array.from({ length: 8 }, (_, id) => client(id, perClient));
    const trouble = (async () => {
      for (const count of [total / 4, total / 2]) {
        while (pushed.length < count) await sleep(20);
        await pair.kill(0);
        await sleep(300);
        await pair.restart(0);
      }
    })();
    await Promise.all([...clients, trouble]);
    expect(pushed).toHaveLength(total);
    // Each instance has it all.
    for (const url of pair.urls) {
      for (const image of pushed) await pullImage(url, ...image);
    }
    const listed = await request(pair.urls[1] ?? "", "GET", "/v2/team/app1/tags/list");
    const { tags } = (await listed.json()) as { tags: string[] };
    expect(tags).toEqual(
      pushed
        .filter(([name]) => name === "team/app1")
        .map(([, tag]) => tag)
        .sort(),
    );
  },
  Math.max(180_000, total * 3000),
);
