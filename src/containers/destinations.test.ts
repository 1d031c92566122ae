import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { makeLinkedDestinations, resolveInRoot } from "./destinations.ts";

const root = mkdtempSync("/tmp/longshore-destinations-");
afterAll(() => rmSync(root, { recursive: true }));
mkdirSync(join(root, "real"));
symlinkSync("/real", join(root, "link"));
symlinkSync("/nowhere/deep", join(root, "dangling"));
symlinkSync("../../../../../etc", join(root, "real/up"));
symlinkSync("loop", join(root, "loop"));

test.each([
  ["/real/x", "/real/x"],
  ["/link/x", "/real/x"],
  ["/dangling/x", "/nowhere/deep/x"],
  ["/link/up/passwd", "/etc/passwd"],
  ["/link/../x", "/x"],
])("%s is %s", (path, place) => {
  expect(resolveInRoot(root, path)).toBe(place);
});

test("links that go round are an error", () => {
  expect(() => resolveInRoot(root, "/loop/x")).toThrow("too many links in /loop/x");
});

test("what a link promises is made, inside", () => {
  makeLinkedDestinations(root, [], { Tmpfs: { "/dangling/": "", "/link/up/long/shore": "" } });
  expect(existsSync(join(root, "nowhere/deep"))).toBe(true);
  expect(existsSync(join(root, "etc/long/shore"))).toBe(true);
});
