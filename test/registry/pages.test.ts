import { expect, test } from "bun:test";
import { Accounts } from "../../src/registry/auth/accounts.ts";
import type { AuthOptions } from "../../src/registry/registry.ts";
import { Browser, dark, desktop, phone } from "./browser.ts";
import { TestRegistry } from "./fixture.ts";

const accounts: AuthOptions = { kind: "accounts", signUp: true, private: false };
const password = "a long password";
const hasChromium = Bun.which("chromium") !== null;
const skipped = hasChromium ? "" : " (skipped: chromium is not installed)";

test.skipIf(!hasChromium)(
  `a person who has never seen it finds an image, makes an account, pushes, and makes it private${skipped}`,
  async () => {
    await using registry = await TestRegistry.start({ auth: accounts });
    const directory = new Accounts(registry.store.database, registry.store.clock);
    await directory.createUser("root", password, { administrator: true });
    registry.credentials = `root:${await directory.createToken("root", "access")}`;
    await registry.pushImage("library/tool", "latest", "content");
    await registry.pushImage("library/other", "latest", "content");
    await using browser = await Browser.start();
    await browser.look(phone);
    await browser.open(registry.url);
    await browser.type("input[name=q]", "tool");
    await browser.pressToLeave("Enter");
    expect(await browser.text()).not.toContain("library/other");
    await browser.follow("main a.name");
    expect(await browser.path()).toBe("/r/library/tool");
    const copied = await browser.evaluate("document.querySelector('.command button').dataset.copy");
    expect(copied).toBe(`docker pull ${registry.host}/library/tool`);
    await browser.click(".command button");
    while ((await browser.evaluate("document.querySelector('.command button').textContent")) === "Copy")
      await Bun.sleep(10);

    await browser.follow("nav a[href='/signup']");
    await browser.type("#name", "Alice!");
    await browser.type("#password", password);
    await browser.press("Enter");
    expect(await browser.path()).toBe("/signup");
    await browser.evaluate("document.querySelector('#name').value = ''");
    await browser.type("#name", "alice");
    await browser.follow("main form button");
    expect(await browser.path()).toBe("/u/alice");
    expect(await browser.text()).toContain(`docker push ${registry.host}/alice/`);

    registry.credentials = `alice:${password}`;
    await registry.pushImage("alice/app", "1.0", "mine");
    await registry.pushImage("alice/app", "2.0", "mine too");
    await browser.open(`${registry.url}/u/alice`);
    await browser.follow("main a.name");
    await browser.follow("form[action$='/-/star'] button");
    expect(await browser.text()).toContain("Starred · 1");
    await browser.follow("nav.tabs a[href$=settings]");
    await browser.click("input[name=private][value='1']");
    await browser.type("#readme", "# Mine\n\n<script>alert(1)</script> **bold**");
    await browser.follow("main form.card > button");
    expect(await browser.text()).toContain("Saved.");
    await browser.open(`${registry.url}/r/alice/app`);
    expect(await browser.evaluate("document.querySelector('.readme').innerHTML")).toContain(
      "&lt;script&gt;alert(1)&lt;/script&gt; <strong>bold</strong>",
    );
    await browser.follow("form[action$='/-/delete-tag'] button");
    expect(await registry.store.tags.list("alice/app", "", 10)).toEqual(["1.0"]);
    await browser.follow("main td a.name");
    expect(await browser.text()).toContain("alice/app:1.0");

    await browser.follow("form[action='/logout'] button");
    await browser.open(`${registry.url}/r/alice/app`);
    expect(await browser.text()).toContain("Not found");
    registry.credentials = undefined;
    expect((await registry.fetch("GET", "alice/app/manifests/1.0")).status).toBe(401);
    expect(browser.errors.filter((error) => !error.includes("404"))).toEqual([]);
  },
);

test.skipIf(!hasChromium)(
  `every page fits, in each width and scheme, and works by keyboard${skipped}`,
  async () => {
    await using registry = await TestRegistry.start({ auth: accounts });
    const directory = new Accounts(registry.store.database, registry.store.clock);
    await directory.createUser("alice", password, { email: "a".repeat(90), administrator: true });
    await directory.createUser("b".repeat(39), password, { email: "b".repeat(90) });
    await directory.createOrganisation("acme", "alice");
    registry.credentials = `alice:${await directory.createToken("alice", "access", { label: "x".repeat(60) })}`;
    const long = `acme/${"a-long-name-".repeat(10)}x`;
    await registry.pushImage(long, "t".repeat(128), "content");
    await registry.store.repositories.set(long, {
      description: "d".repeat(200),
      readme: `${"r".repeat(300)}\n\n| a | b |\n|---|---|\n| ${"c".repeat(200)} | d |`,
    });
    await using browser = await Browser.start();
    await browser.look(desktop);
    await browser.open(`${registry.url}/login`);
    await browser.type("#name", "alice");
    await browser.press("Tab");
    expect(await browser.evaluate("document.activeElement.id")).toBe("password");
    await browser.type("#password", password);
    await browser.pressToLeave("Enter");
    expect(await browser.text()).toContain("Log out");
    await browser.press("Tab");
    expect(await browser.evaluate("document.activeElement.className")).toBe("skip");
    for (const path of [
      "/",
      "/u/acme",
      "/u/alice",
      `/r/${long}`,
      `/r/${long}/-/settings`,
      `/r/${long}/-/tags/${"t".repeat(128)}`,
      "/settings",
      "/admin",
      "/signup",
      "/login",
      "/nothing",
    ]) {
      for (const look of [desktop, dark, phone]) {
        await browser.look(look);
        await browser.open(registry.url + path);
        expect([path, look, await browser.fits()]).toEqual([path, look, true]);
      }
    }
  },
);

test("forms of other sites, forms that are too old, and cookies that scripts could read", async () => {
  await using registry = await TestRegistry.start({ auth: accounts });
  const directory = new Accounts(registry.store.database, registry.store.clock);
  await directory.createUser("alice", password);
  const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    registry.fetch("POST", path, {
      body: new URLSearchParams(fields),
      redirect: "manual",
      headers: { Origin: registry.url, ...headers },
    });
  const form = { name: "alice", password, next: "//evil.example" };
  expect((await post("/login", form, { Origin: "https://evil.example" })).status).toBe(403);
  const answer = await post("/login", form);
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "/"]);
  const cookie = answer.headers.get("set-cookie") ?? "";
  expect(cookie).toMatch(/^session=\S+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/);
  const Cookie = cookie.split(";")[0] ?? "";
  const page = await registry.fetch("GET", "/settings", { headers: { Cookie } });
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  const csrf = /name="csrf" value="([^"]+)"/.exec(await page.text())?.[1] ?? "";
  const token = { label: "ci", role: "pull", days: "30" };
  expect((await post("/settings/tokens", token, { Cookie })).status).toBe(403);
  expect((await post("/settings/tokens", { ...token, csrf: "x" }, { Cookie })).status).toBe(403);
  expect((await post("/settings/tokens", { ...token, csrf }, { Cookie })).status).toBe(200);
  expect(await directory.tokens("alice")).toHaveLength(1);
  expect((await post("/logout", { csrf }, { Cookie })).status).toBe(303);
  expect((await post("/settings/tokens", { ...token, csrf }, { Cookie })).status).not.toBe(200);
  const wrong = await post("/login", { name: "<b>", password: "wrong" });
  expect([wrong.status, await wrong.text()]).toEqual([401, expect.stringContaining('value="&lt;b&gt;"')]);
  expect((await post("/signup", { name: "settings", password })).status).toBe(400);
});

test("a repository of 10,000 tags: a page reads a page", async () => {
  await using registry = await TestRegistry.start();
  const { digest } = await registry.pushImage("big", "first", "content");
  await registry.store.database.transaction(async (queries) => {
    for (let n = 0; n < 10_000; n++) {
      await queries.run(
        "INSERT INTO tags (repository, name, digest, updated_at) VALUES (?, ?, ?, ?)",
        "big",
        `t${n}`,
        digest,
        n,
      );
    }
  });
  const text = await (await registry.fetch("GET", "/r/big")).text();
  expect(text).toContain("10,001 tags");
  expect(text.match(/class="name" href="\/r\/big\/-\/tags\//g)).toHaveLength(25);
  const found = await (await registry.fetch("GET", "/r/big?tag=t9999")).text();
  expect(found).toContain("/r/big/-/tags/t9999");
  const began = performance.now();
  for (let n = 0; n < 10; n++) await (await registry.fetch("GET", `/r/big?page=${n * 30 + 1}`)).text();
  console.log(`a page of a repository of 10,000 tags: ${((performance.now() - began) / 10).toFixed(1)} ms`);
});
