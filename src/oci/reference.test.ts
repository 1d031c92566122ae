import { describe, expect, test } from "bun:test";
import {
  familiarName,
  familiarString,
  fullString,
  isTag,
  parseReference,
  withDefaultTag,
  withDigest,
} from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}` as const;

describe("parseReference", () => {
  const good: [text: string, full: string, familiar: string][] = [
    ["busybox", "docker.io/library/busybox", "busybox"],
    ["busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"],
    ["user/app", "docker.io/user/app", "user/app"],
    ["docker.io/busybox", "docker.io/library/busybox", "busybox"],
    ["index.docker.io/library/busybox", "docker.io/library/busybox", "busybox"],
    ["library/a/b", "docker.io/library/a/b", "library/a/b"],
    ["localhost/x", "localhost/x", "localhost/x"],
    ["localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"],
    ["quay.io/a/b__c--d.e", "quay.io/a/b__c--d.e", "quay.io/a/b__c--d.e"],
    ["[fd00::1]:5000/x", "[fd00::1]:5000/x", "[fd00::1]:5000/x"],
    ["MyHost/x", "MyHost/x", "MyHost/x"],
    [`x@${digest}`, `docker.io/library/x@${digest}`, `x@${digest}`],
    [`x:1@${digest}`, `docker.io/library/x:1@${digest}`, `x:1@${digest}`],
  ];
  test.each(good)("%s", (text, full, familiar) => {
    const reference = parseReference(text);
    expect(fullString(reference)).toBe(full);
    expect(familiarString(reference)).toBe(familiar);
    expect(parseReference(familiarString(reference))).toEqual(reference);
  });

  const bad: [text: string, message: string][] = [
    ["", "invalid reference format"],
    ["Foo", "invalid reference format: repository name (library/Foo) must be lowercase"],
    ["a/Foo:TAG", "invalid reference format: repository name (a/Foo) must be lowercase"],
    ["x:", "invalid reference format"],
    ["x:-bad", "invalid reference format"],
    ["x@sha256:abc", "invalid reference format"],
    [`x@sha256:${"A".repeat(64)}`, "invalid checksum digest format"],
    [`x@sha999:${"a".repeat(64)}`, "unsupported digest algorithm"],
    [`x@sha256:${"a".repeat(63)}`, "invalid checksum digest length"],
    ["https://x/y", "invalid reference format"],
    ["a//b", "invalid reference format"],
    ["../x", "invalid reference format"],
    ["x\n", "invalid reference format"],
    [
      "a".repeat(64),
      `invalid repository name (${"a".repeat(64)}), cannot specify 64-byte hexadecimal strings`,
    ],
    ["x/".repeat(130), "invalid reference format"],
    [`q.io/${"a".repeat(256)}`, "repository name must not be more than 255 characters"],
    ["a".repeat(100_000), "invalid reference format"],
  ];
  test.each(bad)("refuses %p", (text, message) => {
    expect(() => parseReference(text)).toThrow(message);
  });
});

test("a name without tag and digest gets the tag latest, others stay", () => {
  expect(familiarString(withDefaultTag(parseReference("x")))).toBe("x:latest");
  expect(familiarString(withDefaultTag(parseReference(`x@${digest}`)))).toBe(`x@${digest}`);
});

test("a digest takes the place of the tag", () => {
  const reference = withDigest(parseReference("q.io/x:1"), digest);
  expect(familiarString(reference)).toBe(`q.io/x@${digest}`);
  expect(familiarName(reference)).toBe("q.io/x");
});

test("tags are words of at most 128 characters", () => {
  expect(isTag("1.2-alpine_3")).toBe(true);
  expect(isTag("a".repeat(128))).toBe(true);
  for (const text of ["", ".x", "-x", "a b", "a/b", "a".repeat(129), "é"]) expect(isTag(text)).toBe(false);
});
