import { expect, test } from "bun:test";
import { comparePaths, isWithin } from "./path-order.ts";

test("paths have the order of a walk, names that of their bytes", () => {
  const walked = [
    "a",
    "a/b",
    "a/b/c",
    "a/c",
    "a b",
    "a-b",
    "a-b/c",
    "a.b",
    "ab",
    "b",
    "é",
    "\ue000",
    "😀",
    "😀/x",
  ];
  expect([...walked].reverse().sort(comparePaths)).toEqual(walked);
  expect(comparePaths("a/b", "a/b")).toBe(0);
});

test("a folder has what is below it, and not what its name begins", () => {
  expect(["a", "a/b", "a/b/c"].every((path) => isWithin(path, "a"))).toBe(true);
  expect(["", "ab", "a-b", "b/a"].some((path) => isWithin(path, "a"))).toBe(false);
  expect(isWithin("a", "")).toBe(true);
});
