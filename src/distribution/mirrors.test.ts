import { describe, expect, test } from "bun:test";
import { parseReference } from "../oci/reference.ts";
import { Mirrors, validateMirror } from "./mirrors.ts";

const places = (mirrors: Mirrors, image: string) =>
  mirrors.of(parseReference(image)).map(({ url, repository }) => `${url.origin}/${repository}`);

describe("Mirrors", () => {
  const mirrors = new Mirrors({
    "docker.io": ["https://hub.example"],
    "docker.io/library": ["http://127.0.0.1:5000/official", "https://second.example"],
    "quay.io/team": ["https://m.example/quay.io/team/"],
    "reg.example:5000": ["https://m.example"],
  });

  test.each([
    ["busybox", ["http://127.0.0.1:5000/official/busybox", "https://second.example/busybox"]],
    ["me/app", ["https://hub.example/me/app"]],
    ["librarything/app", ["https://hub.example/librarything/app"]],
    ["quay.io/team/deep/app", ["https://m.example/quay.io/team/deep/app"]],
    ["quay.io/team", ["https://m.example/quay.io/team"]],
    ["quay.io/teams/app", []],
    ["reg.example:5000/app", ["https://m.example/app"]],
    ["reg.example/app", []],
  ])("%s", (image, expected) => {
    expect(places(mirrors, image)).toEqual(expected);
  });

  test.each([
    [{ "https://x": [] }, 'invalid registry: "https://x" is not a host'],
    [{ "x/../y": [], "": [] }, "invalid registry"],
    [{ x: ["ftp://y"] }, 'invalid mirror: unsupported scheme "ftp" in "ftp://y"'],
    [{ x: ["https://y/?a=b"] }, "invalid mirror: query or fragment"],
  ])("refuses %p", (settings, message) => {
    expect(() => new Mirrors(settings as never)).toThrow(message);
  });
});

describe("validateMirror", () => {
  test("takes hosts with http and https", () => {
    expect(validateMirror("http://127.0.0.1:5000")).toBe("http://127.0.0.1:5000/");
  });

  test.each([
    ["ftp://x", 'invalid mirror: unsupported scheme "ftp" in "ftp://x"'],
    ["x", 'invalid mirror: unsupported scheme "" in "x"'],
    ["http://a b", 'invalid mirror: "http://a b" is not a valid URI'],
    ["https://u:secret@x/", 'invalid mirror: username/password not allowed in URI "https://xxxxx@x/"'],
    ["https://x/path", 'invalid mirror: path, query, or fragment at end of the URI "https://x/path"'],
  ])("refuses %p", (text, message) => {
    expect(() => validateMirror(text)).toThrow(message);
  });
});
