import { describe, expect, test } from "bun:test";
import { ProxyRules, proxiesOfEnvironment, withoutUser } from "./proxies.ts";

const rules = (noProxy: string) =>
  new ProxyRules({ httpProxy: "plain.test:3128", httpsProxy: "http://secure.test:3128", noProxy });
const proxied = (noProxy: string, url: string) => rules(noProxy).proxyFor(new URL(url)) !== undefined;

test("each scheme has its proxy, and this machine none", () => {
  expect(rules("").proxyFor(new URL("http://a.test/"))).toBe("http://plain.test:3128");
  expect(rules("").proxyFor(new URL("https://a.test/"))).toBe("http://secure.test:3128");
  for (const host of ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
    expect(proxied("", `https://${host}:5000/`)).toBe(false);
});

describe("NO_PROXY", () => {
  test.each([
    ["*", "https://a.test/", false],
    ["a.test", "https://a.test/", false],
    ["a.test", "https://x.a.test/", false],
    ["a.test", "https://xa.test/", true],
    [".a.test", "https://a.test/", true],
    [".a.test", "https://x.a.test/", false],
    ["*.a.test", "https://x.a.test/", false],
    ["a.test:5000", "https://a.test/", true],
    ["a.test:5000", "https://a.test:5000/", false],
    ["a.test:443", "https://a.test/", false],
    ["10.0.0.0/8", "https://10.2.3.4/", false],
    ["10.0.0.0/8", "https://11.2.3.4/", true],
    ["10.0.0.1", "https://10.0.0.1:5000/", false],
    ["fd00::/8", "https://[fd00::1]/", false],
    ["x.test, A.TEST ", "https://a.test/", false],
  ])("%s, %s", (noProxy, url, expected) => {
    expect(proxied(noProxy, url)).toBe(expected);
  });
});

test("the environment is read in both cases, and passwords are not shown", () => {
  expect(proxiesOfEnvironment({ http_proxy: "a", HTTPS_PROXY: "b", no_proxy: "c" })).toEqual({
    httpProxy: "a",
    httpsProxy: "b",
    noProxy: "c",
  });
  expect(withoutUser("http://me:secret@p.test:1/")).toBe("http://xxxxx:xxxxx@p.test:1/");
  expect(() => new ProxyRules({ httpProxy: "socks://me:secret@x", httpsProxy: "", noProxy: "" })).toThrow(
    "invalid proxy address: socks://xxxxx:xxxxx@x",
  );
});
