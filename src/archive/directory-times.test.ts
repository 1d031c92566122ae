import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { DirectoryTimes } from "./directory-times.ts";

test("endless times are told in their order, the last of a path last", () => {
  using times = new DirectoryTimes(tmpdir());
  const name = (at: number) => `folder ${at} \u00fc/${"x".repeat(at % 300)}`;
  for (let at = 0; at < 10_000; at++) times.set(name(at), BigInt(at) - 5n);
  times.set(name(7), 77n);
  const told = new Map(times.all());
  expect(told.size).toBe(10_000);
  for (const at of [0, 1, 4095, 4096, 9999]) expect(told.get(name(at))).toBe(BigInt(at) - 5n);
  expect(told.get(name(7))).toBe(77n);
});
