import { expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { Accounts } from "../../src/registry/auth/accounts.ts";
import type { UpstreamOptions } from "../../src/registry/proxy/upstream.ts";
import { codesOf, TestRegistry } from "./fixture.ts";

const mirrorOf = (
  prefix: string,
  registry: TestRegistry,
  more: Partial<UpstreamOptions> = {},
): UpstreamOptions => ({
  prefix,
  url: registry.url,
  freshMillis: 0,
  ...more,
});

test("names below a prefix are fetched once, kept, followed, and served when the upstream is gone", async () => {
  const upstream = await TestRegistry.start();
  await using own = await TestRegistry.start({
    upstreams: [mirrorOf("hub", upstream), mirrorOf("hub/deep", upstream)],
  });
  const one = await upstream.pushImage("library/app", "latest", "x".repeat(3_000_000));
  const layer = one.document.layers[0]?.digest ?? "";
  const got = await own.fetch("GET", "hub/library/app/manifests/latest");
  expect([got.status, got.headers.get("docker-content-digest")]).toEqual([200, one.digest]);
  const head = await own.fetch("HEAD", `hub/library/app/blobs/${layer}`);
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "3000000"]);
  // Several clients at once, one of which wants a part, and one that goes away.
  const gone = new AbortController();
  void own.fetch("GET", `hub/library/app/blobs/${layer}`, { signal: gone.signal }).then(
    () => gone.abort(),
    () => {},
  );
  const bodies = await Promise.all(
    [{}, {}, { headers: { Range: "bytes=2999990-" } }].map(async (init) =>
      (await own.fetch("GET", `hub/library/app/blobs/${layer}`, init)).text(),
    ),
  );
  expect(bodies.map((body) => body.length)).toEqual([3_000_000, 3_000_000, 10]);
  await own.pushImage("team/app", "1", "own");

  const two = await upstream.pushImage("library/app", "latest", "two");
  const moved = await own.fetch("HEAD", "hub/library/app/manifests/latest");
  expect(moved.headers.get("docker-content-digest")).toBe(two.digest);
  const missing = await own.fetch("GET", "hub/library/app/manifests/none");
  expect([missing.status, ...(await codesOf(missing))]).toEqual([404, "MANIFEST_UNKNOWN"]);
  const push = await own.fetch("POST", "hub/library/app/blobs/uploads/");
  expect([push.status, ...(await codesOf(push))]).toEqual([403, "DENIED"]);

  await upstream[Symbol.asyncDispose]();
  for (const reference of ["latest", one.digest]) {
    expect((await own.fetch("GET", `hub/library/app/manifests/${reference}`)).status).toBe(200);
  }
  expect(await (await own.fetch("GET", `hub/library/app/blobs/${layer}`)).text()).toHaveLength(3_000_000);
  const config = two.document.config.digest;
  expect((await own.fetch("GET", `hub/library/app/blobs/${config}`)).status).toBe(503);
  const catalog = await own.fetch("GET", "_catalog");
  expect(await catalog.json()).toEqual({ repositories: ["hub/library/app", "team/app"] });
});

test("an upstream with log-in is asked with a token, and its copy is only for those who are logged in here", async () => {
  await using upstream = await TestRegistry.start({
    auth: { kind: "accounts", signUp: false, private: true },
  });
  const users = new Accounts(upstream.store.database, upstream.store.clock);
  await users.createUser("company", "a password");
  upstream.credentials = "company:a password";
  const { digest } = await upstream.pushImage("company/app", "1", "secret");
  const upstreams = [
    mirrorOf("up", upstream, { username: "company", password: "a password" }),
    mirrorOf("nobody", upstream),
  ];
  await using own = await TestRegistry.start({
    upstreams,
    auth: { kind: "accounts", signUp: false, private: false },
  });
  const here = new Accounts(own.store.database, own.store.clock);
  await here.createUser("alice", "another password");
  expect((await own.fetch("GET", "up/company/app/manifests/1")).status).toBe(401);
  own.credentials = "alice:another password";
  const got = await own.fetch("GET", "up/company/app/manifests/1");
  expect([got.status, got.headers.get("docker-content-digest")]).toEqual([200, digest]);
  expect((await own.fetch("GET", "nobody/company/app/manifests/1")).status).toBe(503);
  // The copy that is here now has not become public.
  own.credentials = undefined;
  expect((await own.fetch("GET", "up/company/app/manifests/1")).status).toBe(401);
  expect(await (await own.fetch("GET", "/v1/search?q=company")).json()).toMatchObject({ num_results: 0 });
});

test("what an upstream says wrongly is not kept", async () => {
  let blob = "lies";
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) =>
      url.includes("/manifests/")
        ? new Response(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest }), {
            headers: { "Content-Type": mediaTypes.ociManifest },
          })
        : new Response(blob),
  });
  const url = `http://127.0.0.1:${server.port}`;
  await using own = await TestRegistry.start({ upstreams: [{ prefix: "", url, freshMillis: 0 }] });
  expect((await own.fetch("GET", "a/manifests/x")).status).toBe(400);
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update("truth").digest("hex")}`;
  await own
    .fetch("GET", `a/blobs/${digest}`)
    .then((answer) => answer.text())
    .catch(() => {});
  expect(await own.store.blobs.size("a", digest as never)).toBeUndefined();
  blob = "truth";
  expect(await (await own.fetch("GET", `a/blobs/${digest}`)).text()).toBe("truth");
});

test("an upstream that wants Basic credentials is asked without them only once", async () => {
  const content = "content";
  const digest = sha256Of(content);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest, size: content.length },
    layers: [],
  });
  const seen: (string | null)[] = [];
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url, headers }) => {
      seen.push(headers.get("authorization"));
      if (seen.at(-1) === null)
        return new Response("", { status: 401, headers: { "WWW-Authenticate": 'Basic realm="up"' } });
      if (url.includes("/blobs/")) return new Response(content);
      return new Response(manifest, { headers: { "Content-Type": mediaTypes.ociManifest } });
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  const upstreams = [{ prefix: "up", url, username: "company", password: "secret", freshMillis: 0 }];
  await using own = await TestRegistry.start({
    upstreams,
    auth: { kind: "accounts", signUp: false, private: false },
  });
  await new Accounts(own.store.database, own.store.clock).createUser("alice", "a password");
  own.credentials = "alice:a password";
  expect((await own.fetch("GET", "up/app/manifests/1")).status).toBe(200);
  expect(await (await own.fetch("GET", `up/app/blobs/${digest}`)).text()).toBe(content);
  const basic = `Basic ${Buffer.from("company:secret").toString("base64")}`;
  expect(seen).toEqual([null, basic, basic]);
});

test("a client that takes nothing holds up nobody else, and gets all when it goes on", async () => {
  await using upstream = await TestRegistry.start();
  await using own = await TestRegistry.start({ upstreams: [mirrorOf("hub", upstream)] });
  const content = "0123456789abcdef".repeat(2_000_000);
  const { document } = await upstream.pushImage("app", "1", content);
  const path = `/v2/hub/app/blobs/${document.layers[0]?.digest}`;
  const { hostname, port } = new URL(own.url);
  const slow = connect({ host: hostname, port: Number(port) });
  const got: Buffer[] = [];
  const begun = Promise.withResolvers<void>();
  slow.on("data", (piece: Buffer) => {
    if (got.push(piece) === 1) slow.pause();
    begun.resolve();
  });
  slow.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
  await begun.promise;
  const other = await (await fetch(`${own.url}${path}`)).text();
  expect(other === content).toBe(true);
  slow.resume();
  await once(slow, "end");
  const answer = Buffer.concat(got).toString("latin1");
  expect(answer.slice(answer.indexOf("\r\n\r\n") + 4) === content).toBe(true);
}, 60_000);
