import { expect, test } from "bun:test";
import { PathPatterns } from "./path-patterns.ts";

const cases: [string, string, boolean][] = [
  ["a", "a", true],
  ["a", "a/b/c", true],
  ["a", "b/a", false],
  ["/a", "a", true],
  ["*.md", "x.md", true],
  ["*.md", "d/x.md", false],
  ["**/*.md", "x.md", true],
  ["**/*.md", "d/e/x.md", true],
  ["*/temp*", "d/temporary", true],
  ["*/*/temp*", "d/temporary", false],
  ["temp?", "tempa", true],
  ["temp?", "temp/a", false],
  ["a/**", "a/b", true],
  ["a/**", "a", false],
  ["a/**/b", "a/b", true],
  ["a/**/b", "a/x/y/b", true],
  ["[a-c]x", "bx", true],
  ["[^a-c]x", "bx", false],
  ["a\\*", "a*", true],
  ["a\\*", "ab", false],
  ["./a/../b", "b", true],
  ["*.md\n!README.md", "README.md", false],
  ["*.md\n!README*.md\nREADME-s.md", "README-s.md", true],
  ["*.md\n!README*.md\nREADME-s.md", "README-t.md", false],
  ["d\n!d/keep", "d/keep/x", false],
  ["d\n!d/keep", "d/other", true],
  ["# a", "# a", false],
  ["a.b", "axb", false],
  ["*", "any/thing", true],
];

test.each(cases)("%j and %s: %p", (file, path, ignored) => {
  expect(PathPatterns.read(file).matches(path)).toBe(ignored);
});

test("an ignored folder is looked into when something below may be kept", () => {
  const patterns = PathPatterns.read("*\n!a/*/c\n!**/deep");
  expect(patterns.mayKeepBelow("a")).toBe(true);
  expect(PathPatterns.read("*\n!a/*/c").mayKeepBelow("b")).toBe(false);
  expect(PathPatterns.read("*\n!a/*/c").mayKeepBelow("a/x")).toBe(true);
  expect(PathPatterns.read("*").mayKeepBelow("a")).toBe(false);
});

test("a pattern that is none is refused", () => {
  expect(() => PathPatterns.read("[a")).toThrow('syntax error in pattern: "[a"');
});
