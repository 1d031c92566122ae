import { describe, expect, test } from "bun:test";
import { formatPlatform, parsePlatform, selectPlatform } from "./platform.ts";

const host = { os: "linux", architecture: "amd64" };
const of = (text: string) => {
  const [os = "", architecture = "", variant] = text.split("/");
  return { platform: variant === undefined ? { os, architecture } : { os, architecture, variant } };
};

describe("parsePlatform", () => {
  test.each([
    ["linux/arm64", "linux/arm64"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["Linux/x86_64", "linux/amd64"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/arm/6", "linux/arm/v6"],
    ["arm64", "linux/arm64"],
    ["linux", "linux/amd64"],
    ["windows/amd64", "windows/amd64"],
  ])("%s is %s", (text, formatted) => {
    expect(formatPlatform(parsePlatform(text, host))).toBe(formatted);
  });

  test.each([
    ["linux/a/b/c", '"linux/a/b/c": cannot parse platform specifier'],
    ["nonsense", '"nonsense": unknown operating system or architecture'],
    ["linux/*", '"*" is an invalid component of "linux/*"'],
    ["", '"" is an invalid component of ""'],
  ])("refuses %p", (text, message) => {
    expect(() => parsePlatform(text, host)).toThrow(message);
  });
});

describe("selectPlatform", () => {
  const select = (wanted: string, ...entries: string[]) => {
    const found = selectPlatform(entries.map(of), parsePlatform(wanted, host));
    return found && formatPlatform(found.platform);
  };

  test("takes what is exactly asked for", () => {
    expect(select("linux/arm64", "linux/amd64", "linux/arm64/v8", "linux/arm/v7")).toBe("linux/arm64/v8");
    expect(select("linux/arm/v6", "linux/arm/v7", "linux/arm/v6")).toBe("linux/arm/v6");
  });

  test("takes the next older variant, and never a newer one", () => {
    expect(select("linux/arm/v7", "linux/arm/v5", "linux/arm/v6")).toBe("linux/arm/v6");
    expect(select("linux/arm/v6", "linux/arm/v7")).toBeUndefined();
    expect(select("linux/amd64", "linux/amd64/v3")).toBeUndefined();
    expect(select("linux/amd64/v3", "linux/amd64", "linux/amd64/v2")).toBe("linux/amd64/v2");
  });

  test("takes a 32-bit image only when there is no other", () => {
    expect(select("linux/amd64", "linux/386", "linux/amd64")).toBe("linux/amd64");
    expect(select("linux/amd64", "linux/386")).toBe("linux/386");
    expect(select("linux/arm64", "linux/arm/v6", "linux/arm/v7")).toBe("linux/arm/v7");
  });

  test("never takes an attestation or another system", () => {
    expect(select("linux/amd64", "unknown/unknown", "windows/amd64")).toBeUndefined();
  });

  test("takes an entry that names no platform last", () => {
    const plain: { platform?: { os: string; architecture: string } } = {};
    expect(selectPlatform([plain, of("linux/amd64")], host)).toEqual(of("linux/amd64"));
    expect(selectPlatform([of("linux/s390x"), plain], host)).toBe(plain);
  });
});
