import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { sha256Of } from "../../src/oci/digester.ts";
import { Accounts } from "../../src/registry/auth/accounts.ts";
import type { AuthOptions } from "../../src/registry/registry.ts";
import { codesOf, summary, TestRegistry } from "./fixture.ts";

const password = "correct horse battery";
const accounts: AuthOptions = { kind: "accounts", signUp: true, private: false };

async function start(clock?: { now(): number; nowNanos(): bigint }) {
  const registry = await TestRegistry.start({ auth: accounts }, clock);
  const directory = new Accounts(registry.store.database, registry.store.clock);
  for (const name of ["alice", "bob"]) await directory.createUser(name, password);
  await directory.createUser("root", password, { administrator: true });
  await directory.createOrganisation("acme", "alice");
  // A token takes less time than a password.
  const tokens = new Map<string, string>();
  for (const name of ["alice", "bob", "root"]) tokens.set(name, await directory.createToken(name, "access"));
  return { registry, directory, as: (user: string) => `${user}:${tokens.get(user)}` };
}

/** A token with what the scope asks for, as a client gets it. */
async function tokenFor(
  registry: TestRegistry,
  scope: string,
  init: RequestInit = {},
): Promise<Record<string, string>> {
  const answer = await registry.fetch("GET", `/token?service=longshore-registry&scope=${scope}`, init);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Record<string, string>;
}

test("the challenge leads to a token, and the token to what it is for, and nothing else", async () => {
  const { registry, as } = await start();
  await using _stopped = registry;
  const ping = await registry.fetch("GET", "/v2/");
  expect(ping.status).toBe(401);
  expect(ping.headers.get("www-authenticate")).toBe(
    `Bearer realm="${registry.url}/token",service="longshore-registry"`,
  );
  const started = await registry.fetch("POST", "alice/app/blobs/uploads/");
  expect(started.headers.get("www-authenticate")).toEndWith('scope="repository:alice/app:pull,push"');
  const mount = `alice/app/blobs/uploads/?mount=${sha256Of("x")}&from=alice/base`;
  expect((await registry.fetch("POST", mount)).headers.get("www-authenticate")).toEndWith(
    'scope="repository:alice/app:pull,push repository:alice/base:pull"',
  );

  registry.credentials = as("alice");
  const { token } = await tokenFor(registry, "repository:alice/app:pull,push");
  registry.credentials = token;
  await registry.pushImage("alice/app", "1", "content");
  expect((await registry.fetch("GET", "/v2/")).status).toBe(200);
  const elsewhere = await registry.fetch("POST", "alice/other/blobs/uploads/");
  expect([elsewhere.status, ...(await codesOf(elsewhere))]).toEqual([401, "DENIED"]);
  expect(elsewhere.headers.get("www-authenticate")).toContain('error="insufficient_scope"');
  const removal = await registry.fetch("DELETE", "alice/app/manifests/1");
  expect(removal.status).toBe(401);
  registry.credentials = `${token}x`;
  expect((await registry.fetch("GET", "/v2/")).status).toBe(401);
});

test("public, private, organisations and grants: who may do what", async () => {
  const { registry, directory, as } = await start();
  await using _stopped = registry;
  registry.credentials = as("alice");
  await registry.pushImage("alice/open", "1", "one");
  await registry.pushImage("alice/secret", "1", "two");
  await registry.pushImage("acme/app", "1", "three");
  await registry.store.repositories.set("alice/secret", { private: true });
  await registry.store.repositories.set("acme/app", { private: true });
  const may = async (user: string | undefined, method: "GET" | "POST" | "DELETE", name: string) => {
    registry.credentials = user && as(user);
    const path = { GET: "manifests/1", POST: "blobs/uploads/", DELETE: "manifests/none" }[method];
    const { status } = await registry.fetch(method, `${name}/${path}`);
    return status !== 401;
  };
  const rights = async (user: string | undefined, name: string) => {
    const found: string[] = [];
    for (const method of ["GET", "POST", "DELETE"] as const)
      if (await may(user, method, name)) found.push(method);
    return found.join(" ");
  };
  expect(await rights(undefined, "alice/open")).toBe("GET");
  expect(await rights("bob", "alice/open")).toBe("GET");
  expect(await rights(undefined, "alice/secret")).toBe("");
  expect(await rights("bob", "alice/secret")).toBe("");
  expect(await rights("root", "alice/secret")).toBe("GET POST DELETE");
  expect(await rights("bob", "library/new")).toBe("");
  expect(await rights("root", "library/new")).toBe("GET POST DELETE");
  expect(await rights("bob", "acme/app")).toBe("");
  for (const [role, expected] of [
    ["pull", "GET"],
    ["push", "GET POST"],
    ["admin", "GET POST DELETE"],
    ["none", ""],
  ] as const) {
    await directory.setMember("acme", "bob", role);
    expect([role, await rights("bob", "acme/app")]).toEqual([role, expected]);
    await directory.setGrant("alice/secret", "bob", role);
    expect([role, await rights("bob", "alice/secret")]).toEqual([role, expected]);
  }
});

test("nobody learns of what is private: lists, search, mounts, pages", async () => {
  const { registry, as } = await start();
  await using _stopped = registry;
  registry.credentials = as("alice");
  await registry.pushImage("alice/open", "1", "one");
  const { document } = await registry.pushImage("alice/secret", "1", "two");
  await registry.store.repositories.set("alice/secret", { private: true });
  registry.credentials = as("bob");
  const catalog = await registry.fetch("GET", "_catalog");
  expect(await catalog.json()).toEqual({ repositories: ["alice/open"] });
  const found = (await (await registry.fetch("GET", "/v1/search?q=alice")).json()) as {
    results: { name: string }[];
  };
  expect(found.results.map(({ name }) => name)).toEqual(["alice/open"]);
  const digest = document.layers[0]?.digest;
  const mounted = await registry.fetch("POST", `bob/app/blobs/uploads/?mount=${digest}&from=alice/secret`);
  expect(mounted.status).toBe(202);
  expect((await registry.fetch("POST", `bob/app/blobs/uploads/?mount=${digest}`)).status).toBe(202);
  expect((await registry.fetch("GET", "/r/alice/secret")).status).toBe(404);
  registry.credentials = as("alice");
  expect(await (await registry.fetch("GET", "_catalog")).json()).toEqual({
    repositories: ["alice/open", "alice/secret"],
  });
});

test("access tokens stand for a password with fewer rights, and end", async () => {
  let now = Date.now();
  const { registry, directory, as } = await start({ now: () => now, nowNanos: () => 0n });
  await using _stopped = registry;
  registry.credentials = as("alice");
  await registry.pushImage("alice/app", "1", "one");
  const millis = 24 * 3600_000;
  const token = await directory.createToken("alice", "access", { label: "ci", role: "pull", millis });
  registry.credentials = `alice:${token}`;
  expect((await registry.fetch("GET", "alice/app/manifests/1")).status).toBe(200);
  expect((await registry.fetch("POST", "alice/app/blobs/uploads/")).status).toBe(401);
  registry.credentials = `bob:${token}`;
  expect((await registry.fetch("GET", "/v2/")).status).toBe(401);
  registry.credentials = `alice:${token}`;
  now += millis + 1;
  expect((await registry.fetch("GET", "/v2/")).status).toBe(401);
});

test("OAuth: password for a refresh token, refresh token for access tokens", async () => {
  const { registry } = await start();
  await using _stopped = registry;
  const post = async (fields: Record<string, string>) => {
    const answer = await registry.fetch("POST", "/token", { body: new URLSearchParams(fields) });
    return { status: answer.status, body: (await answer.json()) as Record<string, string> };
  };
  const scope = "repository:alice/app:pull,push";
  const first = await post({
    grant_type: "password",
    username: "alice",
    password,
    access_type: "offline",
    service: "x",
    client_id: "test",
  });
  expect([first.status, first.body.refresh_token]).toEqual([200, expect.any(String)]);
  const next = await post({
    grant_type: "refresh_token",
    refresh_token: first.body.refresh_token ?? "",
    scope,
  });
  registry.credentials = next.body.access_token;
  await registry.pushImage("alice/app", "1", "one");
  expect((await post({ grant_type: "refresh_token", refresh_token: "nonsense", scope })).status).toBe(401);
  expect((await post({ grant_type: "password", username: "alice", password: "wrong" })).status).toBe(401);
  expect((await post({ grant_type: "magic" })).status).toBe(400);
});

test("who guesses passwords has to wait, others need not", async () => {
  let now = Date.now();
  const { registry, as } = await start({ now: () => now, nowNanos: () => 0n });
  await using _stopped = registry;
  const statuses: number[] = [];
  for (let n = 0; n < 12; n++) {
    registry.credentials = `alice:guess ${n}`;
    statuses.push((await registry.fetch("GET", "/token")).status);
  }
  expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
  // A program with a token is not kept out by somebody who guesses its user's password.
  registry.credentials = as("alice");
  expect((await registry.fetch("GET", "/token")).status).toBe(200);
  registry.credentials = `alice:${password}`;
  const right = await registry.fetch("GET", "/token");
  expect([right.status, Number(right.headers.get("retry-after"))]).toEqual([429, expect.any(Number)]);
  registry.credentials = as("bob");
  expect((await registry.fetch("GET", "/token")).status).toBe(200);
  now += 5 * 60_000 + 1;
  registry.credentials = `alice:${password}`;
  expect((await registry.fetch("GET", "/token")).status).toBe(200);
});

test("an address makes a bounded number of accounts", async () => {
  const { registry } = await start();
  await using _stopped = registry;
  const signUp = async (name: string) => {
    const body = new URLSearchParams({ name, password });
    const headers = { Origin: registry.url };
    return (await registry.fetch("POST", "/signup", { body, headers, redirect: "manual" })).status;
  };
  expect(await signUp("first")).toBe(303);
  await registry.store.database.run("UPDATE failures SET count = 29 WHERE subject = 'sign-up 127.0.0.1'");
  expect([await signUp("last"), await signUp("over")]).toEqual([303, 429]);
});

test("guesses that are sent all at once are no more than those sent one after the other", async () => {
  const { registry } = await start();
  await using _stopped = registry;
  const guesses = Array.from({ length: 30 }, (_, n) =>
    registry.fetch("GET", "/token", { headers: { Authorization: `Basic ${btoa(`alice:guess ${n}`)}` } }),
  );
  const statuses = (await Promise.all(guesses)).map(({ status }) => status).sort();
  expect(statuses).toEqual([...Array(10).fill(401), ...Array(20).fill(429)]);
});

test("htpasswd: users of the file may do everything, and the file is read anew", async () => {
  const folder = await mkdtemp("/tmp/registry-htpasswd-");
  const path = join(folder, "users");
  const line = async (user: string) =>
    `${user}:${(await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 })).replace("$2b$", "$2y$")}\n`;
  await Bun.write(path, await line("alice"));
  try {
    await using registry = await TestRegistry.start({ auth: { kind: "htpasswd", realm: "company", path } });
    for (const at of ["/v2/", "a/manifests/x", "/"]) {
      const answer = await registry.fetch("GET", at);
      expect([at, answer.status, answer.headers.get("www-authenticate")]).toEqual([
        at,
        401,
        'Basic realm="company"',
      ]);
    }
    registry.credentials = `alice:${password}`;
    await registry.pushImage("a", "x", "content");
    registry.credentials = `alice:${password}x`;
    expect(await summary(await registry.fetch("GET", "a/manifests/x"))).toEqual([401, "UNAUTHORIZED"]);
    registry.credentials = `bob:${password}`;
    expect((await registry.fetch("GET", "a/manifests/x")).status).toBe(401);
    await Bun.write(path, (await line("alice")) + (await line("bob")));
    expect((await registry.fetch("GET", "a/manifests/x")).status).toBe(200);
  } finally {
    await rm(folder, { recursive: true });
  }
});
