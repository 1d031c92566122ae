/** Builds whose client, or whose daemon, is gone at any moment: nothing is left of them, and the next one is right. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SolveRequest, SolveResponse, StatusRequest } from "../../src/api/buildkit/control.ts";
import { type Method, serveGrpc, unary } from "../../src/api/grpc/server.ts";
import { internal } from "../../src/base/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { dist, run, untilEmpty } from "../harness/process.ts";

/** `LONGSHORE_CHAOS_ROUNDS=30` is the whole test. */
const rounds = Number(process.env.LONGSHORE_CHAOS_ROUNDS ?? 4);
const files = 400;

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  folder = mkdtempSync(join(tmpdir(), "longshore-vanish-"));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A context that no build has had before. */
function context(name: string, run: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, "src"), { recursive: true });
  writeFileSync(join(path, "Dockerfile"), `FROM busybox\nCOPY src /src\nRUN ${run}\n`);
  for (let at = 0; at < files; at++) writeFileSync(join(path, "src", `f${at}`), `${name} ${at}\n`.repeat(at));
  return path;
}

function start(args: string[], client = daemon.client) {
  return Bun.spawn([client, "build", "--progress=plain", ...args], {
    env: { ...process.env, ...daemon.env, DOCKER_BUILDKIT: "1" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
}

/** What is left of builds, but for what is kept for the next one. */
async function remains(): Promise<string[]> {
  const { containers } = await daemon.leftovers();
  const folders = [join(daemon.dataRoot, "tmp"), join(daemon.execRoot, "build")];
  return [...containers, ...folders.flatMap((path) => (existsSync(path) ? readdirSync(path) : []))];
}

async function isWhole(path: string, tag: string): Promise<void> {
  await daemon.must("build", "-q", "-t", tag, path);
  const script = "cat /src/* | sha256sum; ls /src | wc -l; cat /said";
  const [sum, count, said] = (await daemon.must("run", "--rm", tag, "sh", "-c", script)).split("\n");
  const expected = await run(["sh", "-c", "cat src/* | sha256sum"], { cwd: path });
  expect([sum, count, said]).toEqual([expected.stdout.trim(), String(files), "said"]);
}

const step = "echo begun; seq 100000 > /many; sleep 0.3; echo said > /said";

test(
  "a client that is killed at any moment",
  async () => {
    for (let round = 0; round < rounds; round++) {
      const path = context(`round-${round}`, step);
      const output = round % 2 === 0 ? ["-t", `round-${round}`] : ["-o", `type=local,dest=${path}-out`];
      const millis = Math.random() * 1500;
      const client = start([...output, path]);
      await Bun.sleep(millis);
      client.kill("SIGKILL");
      await client.exited;
      await untilEmpty(`nothing to be left of a client that was killed after ${millis} ms`, remains, 60);
      await isWhole(path, `whole-${round}`);
    }
  },
  60_000 + rounds * 30_000,
);

test.each([
  ["once", 1],
  ["twice", 2],
])("an interrupt, %s, ends the build and tells so", async (word, times) => {
  const path = context(`interrupt-${word}`, "echo begun; sleep 1000");
  const client = start([path]);
  let said = "";
  let isSent = false;
  for await (const chunk of client.stderr) {
    said += Buffer.from(chunk).toString();
    if (isSent || !/ begun$/m.test(said)) continue;
    isSent = true;
    for (let at = 0; at < times; at++) client.kill("SIGINT");
  }
  expect(await client.exited).toBe(130);
  expect(said).toContain("context canceled");
  await untilEmpty("nothing to be left", remains);
});

test("a daemon that is killed in the middle of a step leaves nothing to the next one", async () => {
  const path = context("daemon-killed", step.replace("sleep 0.3", "sleep 3"));
  const client = start([path]);
  let said = "";
  for await (const chunk of client.stderr) {
    said += Buffer.from(chunk).toString();
    if (/ begun$/m.test(said)) break;
  }
  await daemon.end("SIGKILL");
  expect(await client.exited).not.toBe(0);
  await daemon.launch();
  await untilEmpty("nothing to be left", remains);
  await isWhole(path, "whole-daemon");
});

/** A daemon that can do nothing but build, by these methods of `POST /grpc`. */
async function builderOf(socket: string, methods: Record<string, Method>): Promise<Server> {
  const control = Object.entries(methods).map(([name, method]): [string, Method] => [
    `/moby.buildkit.v1.Control/${name}`,
    method,
  ]);
  const server = createServer((connection) => {
    connection.on("error", () => {});
    const onHead = (head: Buffer) => {
      const [line = ""] = head.toString("latin1").split("\r\n");
      if (!line.startsWith("POST ")) {
        connection.write(
          "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nBuilder-Version: 2\r\nContent-Length: 0\r\n\r\n",
        );
        return;
      }
      connection.off("data", onHead);
      connection.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
      const input = connection[Symbol.asyncIterator]();
      const wire = {
        read: () =>
          input.next().then(
            ({ value }) => value as Buffer | undefined,
            () => undefined,
          ),
        write: (bytes: Uint8Array) =>
          new Promise<boolean>((resolve) => connection.write(bytes, (error) => resolve(!error))),
        destroy: () => connection.destroy(),
      };
      // The session is one in which nothing is asked.
      if (line.includes("/grpc")) void serveGrpc(wire, { methods: new Map(control) });
    };
    connection.on("data", onHead);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return server;
}

test.each([
  ["well", 0],
  ["badly", 1],
])("where its progress breaks off, a build that ends %s does so, and it is said", async (_word, code) => {
  const socket = join(folder, `builder-${code}.sock`);
  const status = Promise.withResolvers<void>();
  const server = await builderOf(socket, {
    async Status(call) {
      for await (const message of call.messages()) StatusRequest.decode(message);
      status.resolve();
      throw internal("the status is lost");
    },
    Solve: unary(SolveRequest, SolveResponse, async () => {
      await status.promise;
      await Bun.sleep(100);
      if (code !== 0) throw internal("the build has failed");
      return { ExporterResponse: {} };
    }),
  });
  try {
    const path = context(`status-${code}`, "true");
    const built = await run([join(dist, "docker"), "build", "--progress=plain", path], {
      env: { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: join(folder, "config") },
    });
    expect(built.stderr).toContain(
      code === 0
        ? "WARNING: the progress of the build could not be shown: the status is lost"
        : "ERROR: failed to build: failed to solve: the build has failed",
    );
    expect(built.code).toBe(code);
  } finally {
    server.close();
  }
});
