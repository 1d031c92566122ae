import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { run as runWith, serve as serveWith } from "./program.ts";

/** A folder that is gone after the test. */
async function temporaryFolder() {
  const path = await mkdtemp("/tmp/registry-command-");
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** Starts `serve` on a folder. */
const serve = (root: string) => serveWith("--root", root);
const run = (...argv: string[]) => runWith(argv);

const digestOf = (content: Uint8Array) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

/** Sends the head of a PATCH and part of its body, and leaves the rest open. */
function patchPartly(url: string, path: string, length: number, part: Uint8Array) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {}); // The other end is about to be killed.
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
  socket.write(part);
  return { [Symbol.dispose]: () => void socket.destroy() };
}

test("what was uploaded when the registry was killed is there afterwards, and the upload goes on", async () => {
  await using folder = await temporaryFolder();
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  const upload = await (async () => {
    await using first = await serve(folder.path);
    const started = await fetch(`${first.url}/v2/a/blobs/uploads/`, { method: "POST" });
    const location = started.headers.get("location") ?? "";
    using _socket = patchPartly(first.url, location, content.length, content.subarray(0, 40_000));
    let range: string | null = null;
    while (range !== "0-39999") {
      range = (await fetch(first.url + location)).headers.get("range");
    }
    return location;
  })();

  await using second = await serve(folder.path);
  const status = await fetch(second.url + upload);
  expect([status.status, status.headers.get("range")]).toEqual([204, "0-39999"]);
  const digest = digestOf(content);
  expect((await fetch(`${second.url}/v2/a/blobs/${digest}`)).status).toBe(404);
  const finished = await fetch(`${second.url}${upload}?digest=${digest}`, {
    method: "PUT",
    body: content.subarray(40_000),
    headers: { "Content-Range": "40000-59999" },
  });
  expect(finished.status).toBe(201);
  const got = await fetch(`${second.url}/v2/a/blobs/${digest}`);
  expect(digestOf(await got.bytes())).toBe(digest);
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s lets a download end, takes nothing new, and exits with 0",
  async (signal) => {
    await using folder = await temporaryFolder();
    await using registry = await serve(folder.path);
    const content = new Uint8Array(20_000_000).fill(7);
    const blob = `${registry.url}/v2/a/blobs/${digestOf(content)}`;
    await fetch(`${registry.url}/v2/a/blobs/uploads/?digest=${digestOf(content)}`, {
      method: "POST",
      body: content,
    });
    const answer = await fetch(blob);
    const reader = (answer.body ?? new ReadableStream()).getReader();
    let size = (await reader.read()).value?.length ?? 0;
    registry.child.kill(signal);
    await expect(
      (async () => {
        for (;;) await fetch(registry.url);
      })(),
    ).rejects.toThrow();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      size += piece.value.length;
    expect(size).toBe(content.length);
    expect(await registry.child.exited).toBe(0);
  },
);

test("seed stores the images into a folder, and pushes the same ones to a running registry", async () => {
  await using folder = await temporaryFolder();
  const toFolder = await run("seed", "--root", join(folder.path, "seeded"), "--busybox", "/bin/busybox");
  expect([toFolder.stderr, toFolder.code]).toEqual(["", 0]);
  expect(toFolder.stdout).toMatch(/^library\/hello-world:latest sha256:[0-9a-f]{64}$/m);
  expect(toFolder.stdout).toMatch(/^library\/busybox:latest sha256:[0-9a-f]{64}$/m);
  await using registry = await serve(join(folder.path, "served"));
  for (const _ of ["first", "again"]) {
    const pushed = await run("seed", "--url", registry.url, "--busybox", "/bin/busybox");
    expect(pushed).toEqual(toFolder);
  }
  const digest = /hello-world:latest (\S+)/.exec(toFolder.stdout)?.[1];
  const head = await fetch(`${registry.url}/v2/library/hello-world/manifests/latest`, { method: "HEAD" });
  expect(head.headers.get("docker-content-digest")).toBe(digest ?? "");
});

test("arguments that make no sense are refused with 2, failures with 1", async () => {
  await using folder = await temporaryFolder();
  const open = await run("serve", "--addr", "0.0.0.0:0", "--root", folder.path);
  expect([open.code, open.stderr]).toEqual([2, expect.stringContaining("--plain-http")]);
  const unknown = await run("serv");
  expect(unknown).toEqual({
    code: 2,
    stdout: "",
    stderr: "docker-registry: 'serv' is not a docker-registry command\nSee 'docker-registry --help'.\n",
  });
  const missing = await run("seed", "--root", folder.path, "--busybox", join(folder.path, "none"));
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("busybox-static")]);
  await using registry = await serve(folder.path);
  const taken = await run("serve", "--addr", new URL(registry.url).host, "--root", folder.path);
  expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining("in use")]);
});

test("--help and --version", async () => {
  expect(await run("--help")).toEqual(await run("serve", "--help"));
  const { stdout, code } = await run("--version");
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^Longshore registry version \S+, build \S+\n$/)]);
});
