import { expect, test } from "bun:test";
import { Accounts } from "../../src/registry/auth/accounts.ts";
import type { AuthOptions } from "../../src/registry/registry.ts";
import { summary, TestRegistry } from "./fixture.ts";

const accounts: AuthOptions = { kind: "accounts", signUp: true, private: false };
const password = "a long password";

/** Somebody at a browser, without the browser. */
async function visitor(registry: TestRegistry, name: string) {
  const headers: Record<string, string> = { Origin: registry.url };
  const post = (path: string, fields: Record<string, string>) =>
    registry.fetch("POST", path, {
      body: new URLSearchParams({ csrf, ...fields }),
      redirect: "manual",
      headers,
    });
  let csrf = "";
  const answer = await post("/login", { name, password });
  headers.Cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const get = async (path: string) => {
    const page = await registry.fetch("GET", path, { headers });
    return { status: page.status, text: await page.text() };
  };
  csrf = /name="csrf" value="([^"]+)"/.exec((await get("/settings")).text)?.[1] ?? "";
  return { get, post };
}

async function start() {
  const registry = await TestRegistry.start({ auth: accounts });
  const directory = new Accounts(registry.store.database, registry.store.clock);
  await directory.createUser("root", password, { administrator: true });
  await directory.createUser("alice", password);
  registry.credentials = `alice:${await directory.createToken("alice", "access")}`;
  return { registry, directory };
}

test("administrators manage accounts on a page that nobody else has", async () => {
  const { registry, directory } = await start();
  await using _stopped = registry;
  const root = await visitor(registry, "root");
  const alice = await visitor(registry, "alice");
  expect((await alice.get("/admin")).status).toBe(404);
  const grab = { do: "promote", name: "alice" };
  expect((await alice.post("/admin/accounts", grab)).status).toBe(404);
  expect((await alice.post("/admin/collect", {})).status).toBe(404);
  expect((await directory.get("alice"))?.administrator).toBe(false);

  expect((await root.get("/admin?q=ali")).text).toContain('href="/u/alice"');
  const act = async (fields: Record<string, string>) => (await root.post("/admin/accounts", fields)).status;
  expect(await act({ do: "add", name: "bob", password })).toBe(200);
  expect(await act({ do: "add", name: "bob", password })).toBe(400);
  expect(await act({ do: "add", name: "carol", password: "short" })).toBe(400);
  expect(await act({ do: "promote", name: "bob" })).toBe(200);
  expect((await directory.get("bob"))?.administrator).toBe(true);
  expect(await act({ do: "password", name: "bob", password: "another password" })).toBe(200);
  expect(await directory.verifyPassword("bob", "another password")).toBe(true);
  expect(await directory.verifyPassword("bob", password)).toBe(false);
  expect(await act({ do: "remove", name: "bob" })).toBe(200);
  expect(await directory.get("bob")).toBeUndefined();
  expect(await act({ do: "remove", name: "root" })).toBe(403);
  expect(await (await root.post("/admin/collect", {})).text()).toContain("Freed 0B: 0 tags, 0 manifests");
});

test("whoever takes the name of a removed account does not get what it had", async () => {
  const { registry, directory } = await start();
  await using _stopped = registry;
  await registry.pushImage("alice/secret", "1", "content");
  await registry.store.repositories.set("alice/secret", { private: true });
  await directory.remove("alice", "user");
  const form = { body: new URLSearchParams({ name: "alice", password }), headers: { Origin: registry.url } };
  const signUp = await registry.fetch("POST", "/signup", form);
  expect([signUp.status, await signUp.text()]).toEqual([400, expect.stringContaining("alice is taken")]);
  expect((await (await visitor(registry, "root")).get("/r/alice/secret")).status).toBe(200);
});

test("a repository goes with all that is in it, by page and by request, unless a tag is immutable", async () => {
  const { registry, directory } = await start();
  await using _stopped = registry;
  await directory.createUser("bob", password);
  const { digest } = await registry.pushImage("alice/app", "1.0", "content");
  await registry.pushImage("alice/other", "1.0", "content");
  const alice = await visitor(registry, "alice");
  expect((await alice.get(`/r/alice/app/-/manifests/${digest}`)).text).toContain(`alice/app@${digest}`);
  expect((await alice.get("/r/alice/app/-/tags/1.0")).text).toContain("&quot;schemaVersion&quot;: 2");
  const remove = async (fields: Record<string, string>) =>
    (await alice.post("/r/alice/app/-/delete", fields)).status;
  expect(await remove({ name: "alice/ap" })).toBe(400);
  await registry.store.repositories.set("alice/app", { immutable: "1.*" });
  expect(await remove({ name: "alice/app" })).toBe(400);
  expect(await summary(await registry.fetch("DELETE", "/v1/repositories/alice/app"))).toEqual([
    409,
    "DENIED",
  ]);
  await registry.store.repositories.set("alice/app", { immutable: "" });
  const bob = await visitor(registry, "bob");
  expect((await bob.post("/r/alice/app/-/delete", { name: "alice/app" })).status).toBe(403);
  expect(await remove({ name: "alice/app" })).toBe(303);
  expect((await registry.fetch("GET", "alice/app/manifests/1.0")).status).toBe(404);
  expect((await alice.get("/r/alice/app")).status).toBe(404);
  expect((await registry.fetch("GET", "alice/other/manifests/1.0")).status).toBe(200);
  expect((await registry.fetch("DELETE", "/v1/repositories/alice/other")).status).toBe(202);
  expect(await registry.store.collect()).toMatchObject({ blobs: 2 });
  expect(await (await registry.fetch("GET", "_catalog")).json()).toEqual({ repositories: [] });
});
