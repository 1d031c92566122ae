import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { sha256Of } from "../../src/oci/digester.ts";
import { codesOf, summary, TestRegistry } from "./fixture.ts";

const absent = sha256Of("absent");

test("a blob pushed in one request is read back whole, in part, and as headers", async () => {
  await using registry = await TestRegistry.start();
  const { digest } = await registry.pushBlob("a/b", "0123456789");
  const whole = await registry.fetch("GET", `a/b/blobs/${digest}`);
  expect(await whole.text()).toBe("0123456789");
  expect(whole.headers.get("docker-content-digest")).toBe(digest);
  expect(whole.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
  const head = await registry.fetch("HEAD", `a/b/blobs/${digest}`);
  expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "10", ""]);
  const part = await registry.fetch("GET", `a/b/blobs/${digest}`, { headers: { Range: "bytes=7-" } });
  expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([
    206,
    "bytes 7-9/10",
    "789",
  ]);
  const headOfPart = await registry.fetch("HEAD", `a/b/blobs/${digest}`, { headers: { Range: "bytes=7-" } });
  expect([headOfPart.status, headOfPart.headers.get("content-length")]).toEqual([200, "10"]);
  const beyond = await registry.fetch("GET", `a/b/blobs/${digest}`, { headers: { Range: "bytes=10-" } });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */10"]);
  const other = await registry.fetch("GET", `a/b/blobs/${digest}`, {
    headers: { Range: "bytes=7-", "If-Range": '"of another version"' },
  });
  expect([other.status, await other.text()]).toEqual([200, "0123456789"]);
  const known = await registry.fetch("GET", `a/b/blobs/${digest}`, {
    headers: { "If-None-Match": whole.headers.get("etag") ?? "" },
  });
  expect(known.status).toBe(304);
});

test("an empty blob is a blob", async () => {
  await using registry = await TestRegistry.start();
  const { digest } = await registry.pushBlob("a", "");
  const answer = await registry.fetch("GET", `a/blobs/${digest}`);
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
});

test("POST then PUT, with the whole blob in the PUT and a SHA-512 digest", async () => {
  await using registry = await TestRegistry.start();
  const digest = `sha512:${createHash("sha512").update("content").digest("hex")}`;
  const started = await registry.fetch("POST", "a/blobs/uploads/");
  expect(started.status).toBe(202);
  const location = started.headers.get("location") ?? "";
  const finished = await registry.fetch("PUT", `${location}?digest=${digest}`, { body: "content" });
  expect([finished.status, finished.headers.get("docker-content-digest")]).toEqual([201, digest]);
  const answer = await registry.fetch("GET", finished.headers.get("location") ?? "");
  expect(await answer.text()).toBe("content");
});

test("chunks are taken in order only, and a refused one says where to go on", async () => {
  await using registry = await TestRegistry.start();
  const started = await registry.fetch("POST", "a/blobs/uploads/");
  const upload = started.headers.get("location") ?? "";
  const patch = (body: string, range: string) =>
    registry.fetch("PATCH", upload, { body, headers: { "Content-Range": range } });

  const early = await patch("56789", "5-9");
  expect(early.status).toBe(416);
  const first = await patch("01234", "0-4");
  expect([first.status, first.headers.get("range")]).toEqual([202, "0-4"]);
  const again = await patch("01234", "0-4");
  expect([again.status, again.headers.get("range"), again.headers.get("location")]).toEqual([
    416,
    "0-4",
    upload,
  ]);
  expect((await patch("5", "five-6")).status).toBe(416);
  for (const [body, range] of [
    ["56", "5-9"],
    ["56789", "5-6"],
  ] as const) {
    expect(await summary(await patch(body, range))).toEqual([400, "SIZE_INVALID"]);
  }
  const status = await registry.fetch("GET", upload);
  expect([status.status, status.headers.get("range")]).toEqual([204, "0-4"]);
  const open = await registry.fetch("PATCH", upload, { body: "567" });
  expect(open.headers.get("range")).toBe("0-7");
  const finished = await registry.fetch("PUT", `${upload}?digest=${sha256Of("0123456789")}`, {
    body: "89",
    headers: { "Content-Range": "8-9" },
  });
  expect(finished.status).toBe(201);
  expect((await registry.fetch("GET", upload)).status).toBe(404);
});

test("content that is not what its digest says is refused and leaves nothing", async () => {
  await using registry = await TestRegistry.start();
  const whole = await registry.fetch("POST", `a/blobs/uploads/?digest=${absent}`, { body: "something else" });
  expect(await summary(whole)).toEqual([400, "DIGEST_INVALID"]);
  const started = await registry.fetch("POST", "a/blobs/uploads/");
  const upload = started.headers.get("location") ?? "";
  const put = await registry.fetch("PUT", `${upload}?digest=${absent}`, { body: "something else" });
  expect(await summary(put)).toEqual([400, "DIGEST_INVALID"]);
  expect((await registry.fetch("HEAD", `a/blobs/${absent}`)).status).toBe(404);
  expect((await registry.fetch("GET", upload)).status).toBe(404);
});

test("an upload ends when it is cancelled, and belongs to its repository", async () => {
  await using registry = await TestRegistry.start();
  const started = await registry.fetch("POST", "a/blobs/uploads/");
  const upload = started.headers.get("location") ?? "";
  const foreign = await registry.fetch("GET", upload.replace("/a/", "/b/"));
  expect(await summary(foreign)).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
  expect((await registry.fetch("DELETE", upload)).status).toBe(204);
  expect(await summary(await registry.fetch("PATCH", upload, { body: "x" }))).toEqual([
    404,
    "BLOB_UPLOAD_UNKNOWN",
  ]);
  expect(await summary(await registry.fetch("DELETE", upload))).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
});

test("a mount gives a repository what another has; what cannot be mounted becomes an upload", async () => {
  await using registry = await TestRegistry.start();
  const { digest } = await registry.pushBlob("from/here", "content");
  expect((await registry.fetch("HEAD", `to/there/blobs/${digest}`)).status).toBe(404);
  const mounted = await registry.fetch("POST", `to/there/blobs/uploads/?mount=${digest}&from=from/here`);
  expect([mounted.status, mounted.headers.get("docker-content-digest")]).toEqual([201, digest]);
  const got = await registry.fetch("GET", mounted.headers.get("location") ?? "");
  expect(await got.text()).toBe("content");
  const anywhere = await registry.fetch("POST", `third/blobs/uploads/?mount=${digest}`);
  expect([anywhere.status, anywhere.headers.get("location")]).toEqual([201, `/v2/third/blobs/${digest}`]);
  for (const query of [
    `mount=${digest}&from=no/such`,
    `mount=${absent}&from=from/here`,
    `mount=${absent}`,
    "mount=nonsense&from=../../etc",
  ]) {
    const answer = await registry.fetch("POST", `other/blobs/uploads/?${query}`);
    expect([query, answer.status]).toEqual([query, 202]);
  }
});

test("space is kept once for all repositories, and free when the last has let go", async () => {
  await using registry = await TestRegistry.start();
  const { digest } = await registry.pushBlob("a", "content");
  await registry.pushBlob("b", "content");
  const copies = async () => {
    const inodes = new Set<number>();
    for await (const path of new Bun.Glob(`**/${digest.slice(7)}`).scan({
      cwd: registry.root,
      absolute: true,
    })) {
      inodes.add((await Bun.file(path).stat()).ino);
    }
    return inodes.size;
  };
  expect(await copies()).toBe(1);
  expect((await registry.fetch("DELETE", `a/blobs/${digest}`)).status).toBe(202);
  expect(await codesOf(await registry.fetch("GET", `a/blobs/${digest}`))).toEqual(["BLOB_UNKNOWN"]);
  expect(await (await registry.fetch("GET", `b/blobs/${digest}`)).text()).toBe("content");
  expect((await registry.fetch("DELETE", `b/blobs/${digest}`)).status).toBe(202);
  expect(await copies()).toBe(0);
  expect(await summary(await registry.fetch("DELETE", `b/blobs/${digest}`))).toEqual([404, "BLOB_UNKNOWN"]);
});

test("many clients push the same blob at once", async () => {
  await using registry = await TestRegistry.start();
  const content = "x".repeat(100_000);
  const names = ["a", "a", "b", "b", "c", "c", "a", "b"];
  await Promise.all(names.map((name) => registry.pushBlob(name, content)));
  for (const name of new Set(names)) {
    const answer = await registry.fetch("GET", `${name}/blobs/${sha256Of(content)}`);
    expect(await answer.text()).toBe(content);
  }
});
