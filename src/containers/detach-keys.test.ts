import { expect, test } from "bun:test";
import { DetachScanner, detachKeysOf } from "./detach-keys.ts";

function scan(keys: string, ...chunks: string[]): { out: string; detached: boolean } {
  let detached = false;
  const scanner = new DetachScanner(detachKeysOf(keys, "detach"), () => {
    detached = true;
  });
  let out = "";
  scanner.on("data", (chunk) => {
    out += chunk;
  });
  for (const chunk of chunks) scanner.write(chunk);
  return { out, detached };
}

test("keys that come in two chunks detach, and what follows is dropped", () => {
  expect(scan("ctrl-p,ctrl-q", "ls\x10", "\x11rm")).toEqual({ out: "ls", detached: true });
});

test("a sequence that breaks off is passed on in order", () => {
  expect(scan("ctrl-p,ctrl-q", "a\x10b\x10", "\x10c")).toEqual({ out: "a\x10b\x10\x10c", detached: false });
});

test("keys that do not exist are refused", () => {
  expect(() => detachKeysOf("ctrl-1", "detach")).toThrow("Invalid detach keys (ctrl-1) provided");
});
