import { expect, test } from "bun:test";
import { isEngineError } from "../base/errors.ts";
import { defaultRoot } from "./config/config.ts";
import { parseRegistryOptions } from "./options.ts";

function outcome(...argv: string[]): unknown {
  try {
    return parseRegistryOptions(argv);
  } catch (error) {
    if (isEngineError(error, "invalidArgument")) return "refused";
    throw error;
  }
}

test.each([
  ["127.0.0.1:5000", "127.0.0.1", 5000],
  ["127.8.9.1:1", "127.8.9.1", 1],
  ["localhost:0", "localhost", 0],
  ["[::1]:5000", "::1", 5000],
])("serve on %s needs no further flag", (addr, host, port) => {
  const config = { logLevel: "info", store: { storage: { root: defaultRoot } } };
  expect(outcome("serve", `--addr=${addr}`)).toMatchObject({ command: "serve", host, port, config });
});

test.each([
  "0.0.0.0:5000",
  ":5000",
  "[::]:5000",
  "192.0.2.1:5000",
  "127.0.0.1.example.com:5000",
  "localhost.example.com:80",
])("serve on %s only with --plain-http", (addr) => {
  expect(outcome("serve", "--addr", addr)).toBe("refused");
  expect(outcome("serve", "--addr", addr, "--plain-http")).toMatchObject({ command: "serve" });
});

test.each([
  "",
  "5000",
  "127.0.0.1",
  "127.0.0.1:",
  "127.0.0.1:65536",
  "::1:5000",
  "[localhost]:1",
  "http://localhost:1",
])("%p is not an address", (addr) => {
  expect(outcome("serve", "--addr", addr, "--plain-http")).toBe("refused");
});

test.each([
  [["serve", "/no/such/file"]],
  [["serve", "--url", "http://localhost"]],
  [["serve", "--log-level", "loud"]],
  [["serve", "--no-such-flag"]],
  [["seed", "--addr", "127.0.0.1:1"]],
  [["seed", "--root", "/x", "--url", "http://localhost"]],
])("%p is refused", (argv) => {
  expect(outcome(...argv)).toBe("refused");
});

test("a flag that is not known is named", () => {
  expect(() => parseRegistryOptions(["serve", "--no-such-flag"])).toThrow("unknown flag: --no-such-flag");
});
