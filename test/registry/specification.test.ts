/** What the OCI distribution specification 1.1 says of blobs, in each way that a client can go, with both digests. */
import { expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { TestRegistry } from "./fixture.ts";

type Algorithm = "sha256" | "sha512";
interface Content {
  bytes: Buffer<ArrayBuffer>;
  digest: string;
}
/** Pushes content in one way; gives the answer to its last request. */
type Way = (registry: TestRegistry, name: string, content: Content) => Promise<Response>;

const octets = { "Content-Type": "application/octet-stream" };
const content = (algorithm: Algorithm, bytes: Buffer<ArrayBuffer> = randomBytes(3067)): Content => ({
  bytes,
  digest: `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`,
});

async function begin(registry: TestRegistry, name: string): Promise<string> {
  const started = await registry.fetch("POST", `${name}/blobs/uploads/`);
  expect([started.status, started.headers.get("range")]).toEqual([202, "0-0"]);
  return started.headers.get("location") ?? "";
}

const closing = (location: string, digest: string) =>
  `${location}${location.includes("?") ? "&" : "?"}digest=${digest}`;

/** Sends three chunks, each where the answer to the one before says; the last one with the PUT when `withPut`. */
function inChunks(withPut: boolean, outOfOrder: boolean): Way {
  return async (registry, name, { bytes, digest }) => {
    let location = await begin(registry, name);
    const size = Math.ceil(bytes.length / 3) || 1;
    for (let start = 0; start < bytes.length; start += size) {
      const end = Math.min(start + size, bytes.length);
      if (outOfOrder) location = await refused(registry, location, start);
      const init = {
        body: bytes.subarray(start, end),
        headers: { ...octets, "Content-Range": `${start}-${end - 1}` },
      };
      if (withPut && end === bytes.length) return registry.fetch("PUT", closing(location, digest), init);
      const answer = await registry.fetch("PATCH", location, init);
      expect([answer.status, answer.headers.get("range")]).toEqual([202, `0-${end - 1}`]);
      location = answer.headers.get("location") ?? "";
    }
    return registry.fetch("PUT", closing(location, digest), { headers: octets });
  };
}

/** A chunk that is not the next one is a 416, and the upload says where it stands. */
async function refused(registry: TestRegistry, location: string, at: number): Promise<string> {
  const headers = { ...octets, "Content-Range": `${at + 7}-${at + 8}` };
  expect((await registry.fetch("PATCH", location, { body: "no", headers })).status).toBe(416);
  const status = await registry.fetch("GET", location);
  expect([status.status, status.headers.get("range")]).toEqual([204, `0-${Math.max(0, at - 1)}`]);
  return status.headers.get("location") ?? "";
}

const ways: Record<string, Way> = {
  "one POST": (registry, name, { bytes, digest }) =>
    registry.fetch("POST", `${name}/blobs/uploads/?digest=${digest}`, { body: bytes, headers: octets }),
  "POST, PUT": async (registry, name, { bytes, digest }) =>
    registry.fetch("PUT", closing(await begin(registry, name), digest), { body: bytes, headers: octets }),
  "POST, PATCH, PUT": async (registry, name, { bytes, digest }) => {
    const sent = await registry.fetch("PATCH", await begin(registry, name), { body: bytes, headers: octets });
    expect(sent.status).toBe(202);
    return registry.fetch("PUT", closing(sent.headers.get("location") ?? "", digest), { headers: octets });
  },
  "chunks, PUT": inChunks(false, false),
  "chunks, the last with the PUT": inChunks(true, false),
  "chunks, some too early": inChunks(false, true),
  "chunks, some too early, the last with the PUT": inChunks(true, true),
};

const matrix = Object.keys(ways).flatMap((way) =>
  (["sha256", "sha512"] as const).map((algorithm) => [way, algorithm] as const),
);

async function expectThere(registry: TestRegistry, name: string, { bytes, digest }: Content): Promise<void> {
  for (const method of ["HEAD", "GET"]) {
    const got = await registry.fetch(method, `${name}/blobs/${digest}`);
    expect([got.status, got.headers.get("content-length"), got.headers.get("docker-content-digest")]).toEqual(
      [200, String(bytes.length), digest],
    );
    if (method === "GET") expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true);
  }
}

test.each(matrix)("a blob arrives by %s under its %s, and goes", async (way, algorithm) => {
  await using registry = await TestRegistry.start();
  const push = ways[way] as Way;
  for (const one of [content(algorithm), content(algorithm, Buffer.from("{}"))]) {
    expect((await registry.fetch("GET", `a/b/blobs/${one.digest}`)).status).toBe(404);
    const done = await push(registry, "a/b", one);
    expect([done.status, done.headers.get("docker-content-digest")]).toEqual([201, one.digest]);
    const named = await registry.fetch("GET", done.headers.get("location") ?? "");
    expect(Buffer.from(await named.arrayBuffer()).equals(one.bytes)).toBe(true);
    await expectThere(registry, "a/b", one);
    expect((await registry.fetch("DELETE", `a/b/blobs/${one.digest}`)).status).toBe(202);
    expect((await registry.fetch("HEAD", `a/b/blobs/${one.digest}`)).status).toBe(404);
  }
});

test.each(matrix)("%s with other content than its %s says is refused", async (way, algorithm) => {
  await using registry = await TestRegistry.start();
  const { bytes, digest } = content(algorithm);
  const wrong = { bytes: Buffer.concat([bytes, Buffer.from("more")]), digest };
  const done = await (ways[way] as Way)(registry, "a", wrong);
  expect([done.status, (await done.json()) as unknown]).toMatchObject([
    400,
    { errors: [{ code: "DIGEST_INVALID" }] },
  ]);
  expect((await registry.fetch("HEAD", `a/blobs/${digest}`)).status).toBe(404);
});

test.each([
  ["bytes=500-1499", 206, 500, 1499],
  ["bytes=500-", 206, 500, 2047],
  ["bytes=-500", 206, 1548, 2047],
  ["bytes=2000-5000", 206, 2000, 2047],
  ["bytes=500-0", 416, 0, 0],
  ["bytes=5000-10000", 416, 0, 0],
] as const)("a read of %s", async (range, status, start, end) => {
  await using registry = await TestRegistry.start();
  const one = content("sha256", randomBytes(2048));
  await ways["one POST"]?.(registry, "a", one);
  const got = await registry.fetch("GET", `a/blobs/${one.digest}`, { headers: { Range: range } });
  expect([got.status, got.headers.get("content-range")]).toEqual([
    status,
    status === 206 ? `bytes ${start}-${end}/2048` : "bytes */2048",
  ]);
  if (status !== 206) return;
  expect(got.headers.get("content-length")).toBe(String(end + 1 - start));
  expect(Buffer.from(await got.arrayBuffer()).equals(one.bytes.subarray(start, end + 1))).toBe(true);
});
