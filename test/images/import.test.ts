import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { makeTar } from "../distribution/test-image.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

const tar = makeTar({ greeting: "hello\n" });
/** What the server has, by path. */
const files = new Map<string, Uint8Array>();
let daemon: TestDaemon;
let server: Bun.Server<undefined>;

beforeAll(async () => {
  daemon = await TestDaemon.start();
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch({ url }) {
      const file = files.get(new URL(url).pathname);
      return file ? new Response(file) : new Response("not here\n", { status: 404, statusText: "Not Found" });
    },
  });
});
afterAll(async () => {
  await server.stop(true);
  await daemon[Symbol.asyncDispose]();
});

async function piped(command: string): Promise<Uint8Array> {
  const child = Bun.spawn([command, "-c"], { stdin: tar, stdout: "pipe" });
  return new Response(child.stdout).bytes();
}

/** The content of the image's only file. */
async function greeting(image: string): Promise<string> {
  const archive = join(daemon.root, "greeting.tar");
  const id = await daemon.must("create", image, "none");
  await daemon.must("cp", `${id}:/greeting`, archive);
  await daemon.must("rm", id);
  await daemon.must("rmi", image);
  return Bun.file(archive).text();
}

const forms: [what: string, bytes: () => Uint8Array | Promise<Uint8Array>][] = [
  ["plain", () => tar],
  ["gzip", () => gzipSync(tar)],
  ["zstd", () => zstdCompressSync(tar)],
  ["bzip2", () => piped("bzip2")],
  ["xz", () => piped("xz")],
];

test.each(forms)("%s comes from a file, from standard input and from an address", async (what, bytes) => {
  const file = join(daemon.root, `${what}.tar`);
  const content = await bytes();
  writeFileSync(file, content);
  files.set(`/${what}`, content);
  await daemon.must("import", file, "imported:1");
  expect(await greeting("imported:1")).toBe("hello\n");
  const { code } = await run(["sh", "-c", `"$1" import - imported:2 < "$2"`, "sh", daemon.client, file], {
    env: daemon.env,
  });
  expect(code).toBe(0);
  expect(await greeting("imported:2")).toBe("hello\n");
  const address = `http://127.0.0.1:${server.port}/${what}`;
  const printed = await daemon.must("import", "-c", "ENV A=b", address, "imported:3");
  expect(printed).toMatch(/^Downloading from http:\/\/127\.0\.0\.1:\d+\/\w+\nsha256:[0-9a-f]{64}$/);
  const template = "{{.Comment}} {{.Config.Env}}";
  expect(await daemon.must("image", "inspect", "-f", template, "imported:3")).toBe(
    `Imported from ${address} [A=b]`,
  );
  expect(await greeting("imported:3")).toBe("hello\n");
});

const refused: [what: string, source: () => string, message: string][] = [
  [
    "that the server does not have",
    () => `http://127.0.0.1:${server.port}/none`,
    "failed to GET http://127.0.0.1:PORT/none with status 404 Not Found: not here",
  ],
  [
    "where nobody listens",
    () => "http://127.0.0.1:1/x",
    'Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused',
  ],
  ["that is none", () => "http://[", 'parse "http://[": invalid URL'],
];

test.each(refused)("an address %s is told as such", async (_what, source, message) => {
  const { code, stderr } = await daemon.docker("import", source(), "imported:4");
  expect({ code, stderr: stderr.replace(String(server.port), "PORT") }).toEqual({
    code: 1,
    stderr: `Error response from daemon: ${message}\n`,
  });
  expect(await daemon.must("image", "ls", "-aq")).toBe("");
});
