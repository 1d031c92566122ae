import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { sha256Of } from "../../src/oci/digester.ts";
import { summary, TestRegistry } from "./fixture.ts";

/** Sends bytes as they are, and returns the first line of the answer. A client library would tidy the path. */
function raw(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(request));
    socket.once("data", (data) => {
      resolve(data.toString("latin1").split("\r\n", 1)[0] ?? "");
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

const digest = sha256Of("x");

test.each([
  ["GET", "/v2", 200],
  ["GET", "/v2/", 200],
  ["POST", "/v2/", 405],
  ["GET", "/", 200],
  ["GET", "/no/such/page", 404],
  ["GET", "/v2/a/nothing", 404],
  ["GET", "/v2/UPPER/tags/list", 400],
  ["GET", "/v2/a//b/tags/list", 400],
  ["GET", "/v2/_blobs/tags/list", 400],
  ["GET", "/v2/a/_manifests/tags/list", 400],
  ["GET", `/v2/${"a".repeat(256)}/tags/list`, 400],
  ["GET", `/v2/../../etc/blobs/${digest}`, 400],
  ["GET", `/v2/%2e%2e/%2e%2e/etc/blobs/${digest}`, 400],
  ["GET", "/v2/a/manifests/..%2f..%2fpasswd", 404],
  ["GET", "/v2/a/blobs/sha256:..%2f..%2f", 400],
  ["GET", `/v2/a/blobs/${digest.toUpperCase()}`, 400],
  ["GET", `/v2/a/blobs/${encodeURIComponent(digest)}`, 404],
  ["GET", "/v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e", 400],
  ["GET", "/v2/%zz/tags/list", 400],
  ["GET", "/v2/a/blobs/uploads/..%2f..%2f_tags%2flatest", 404],
  ["DELETE", "/v2/a/tags/list", 405],
  ["POST", `/v2/a/blobs/${digest}`, 405],
])("%s %s is answered with %d", async (method, path, status) => {
  await using registry = await TestRegistry.start();
  const line = await raw(registry.url, `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
  expect(line).toStartWith(`HTTP/1.1 ${status} `);
});

test("a web page cannot push", async () => {
  await using registry = await TestRegistry.start();
  const answer = await registry.fetch("POST", `a/blobs/uploads/?digest=${digest}`, {
    body: "x",
    headers: { Origin: "https://example.com" },
  });
  expect(await summary(answer)).toEqual([403, "DENIED"]);
  expect((await registry.fetch("HEAD", `a/blobs/${digest}`)).status).toBe(404);
});

test("a big body that is refused at once does not keep the client from its answer", async () => {
  await using registry = await TestRegistry.start();
  const path = "a/blobs/uploads/00000000-0000-4000-8000-000000000000";
  const answer = await registry.fetch("PATCH", path, { body: new Uint8Array(20_000_000) });
  expect(await summary(answer)).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
});

test("an unexpected failure is a 500 that does not tell its reason", async () => {
  await using registry = await TestRegistry.start();
  await registry.pushImage("a", "x", "content");
  await registry.store.database.run("DROP TABLE manifests");
  const answer = await registry.fetch("GET", "a/manifests/x");
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain("manifests");
});

test("what was given up is removed a day later, what is under way is not", async () => {
  await using registry = await TestRegistry.start();
  const started = [
    await registry.fetch("POST", "a/blobs/uploads/"),
    await registry.fetch("POST", "b/c/blobs/uploads/"),
  ];
  const { RegistryStore } = await import("../../src/registry/store.ts");
  const at = (millis: number) => ({ now: () => Date.now() + millis, nowNanos: () => 0n });
  const root = `${registry.root}/data`;
  await Bun.write(`${root}/scratch/half-written`, "x");
  expect(await (await RegistryStore.open(root, at(23 * 3600_000))).removeAbandoned()).toBe(0);
  expect(await (await RegistryStore.open(root, at(25 * 3600_000))).removeAbandoned()).toBe(3);
  expect(await readdir(`${root}/scratch`)).toEqual([]);
  for (const answer of started) {
    expect((await registry.fetch("GET", answer.headers.get("location") ?? "")).status).toBe(404);
  }
});
