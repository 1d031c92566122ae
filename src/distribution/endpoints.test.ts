import { describe, expect, test } from "bun:test";
import { Registries } from "./endpoints.ts";
import { InsecureRegistries } from "./insecure.ts";

const urls = async (registries: Registries, domain: string, purpose: "pull" | "push" = "pull") =>
  (await registries.places({ domain, path: "app" }, purpose)).map(({ endpoint: { url, tls } }) =>
    tls?.rejectUnauthorized === false ? `${url.origin} unverified` : url.origin,
  );
const certsDir = "/nonexistent";

describe("endpoints", () => {
  test("mirrors are for pulls from Docker Hub, in order, before the Hub itself", async () => {
    const registries = new Registries({ mirrors: ["http://127.0.0.1:5000", "https://m.example/"], certsDir });
    const hub = "https://registry-1.docker.io";
    expect(await urls(registries, "docker.io")).toEqual(["http://127.0.0.1:5000", "https://m.example", hub]);
    expect(await urls(registries, "docker.io", "push")).toEqual([hub]);
    expect(await urls(registries, "quay.io")).toEqual(["https://quay.io"]);
  });

  test("any registry may have mirrors; those of --registry-mirror come first", async () => {
    const registryMirrors = {
      "docker.io": ["https://second.example"],
      "quay.io/team": ["https://m.example/quay"],
    };
    const registries = new Registries({ mirrors: ["https://first.example"], registryMirrors, certsDir });
    expect((await urls(registries, "docker.io")).slice(0, 2)).toEqual([
      "https://first.example",
      "https://second.example",
    ]);
    const [mirror, own] = await registries.places({ domain: "quay.io", path: "team/app" }, "pull");
    expect([mirror?.endpoint.url.host, mirror?.repository]).toEqual(["m.example", "quay/app"]);
    expect([own?.endpoint.url.host, own?.repository]).toEqual(["quay.io", "team/app"]);
  });

  test("an insecure registry is asked by HTTPS without verification, then by HTTP, unless HTTP is known to work", async () => {
    const registries = new Registries({ certsDir });
    const both = ["https://127.0.0.1:5000 unverified", "http://127.0.0.1:5000"];
    expect(await urls(registries, "127.0.0.1:5000")).toEqual(both);
    const [, plain] = await registries.endpoints("127.0.0.1:5000");
    if (plain) registries.confirm(plain);
    expect(await urls(registries, "127.0.0.1:5000")).toEqual(both.toReversed());
  });

  test("a configuration that is not valid changes nothing", async () => {
    const registries = new Registries({ mirrors: ["http://m.example"], certsDir });
    expect(() => registries.configure({ mirrors: [], insecureRegistries: ["http://x"] })).toThrow("://");
    expect(await urls(registries, "docker.io")).toContain("http://m.example");
  });
});

describe("InsecureRegistries", () => {
  test("knows names, networks and loopback", async () => {
    const list = new InsecureRegistries(["my.registry:5000", "10.0.0.0/8", "fd00::/8", "plain"]);
    for (const host of [
      "my.registry:5000",
      "MY.registry:5000",
      "10.1.2.3:80",
      "[fd00::1]:5000",
      "plain",
      "127.9.9.9",
      "localhost:1",
    ]) {
      expect([host, await list.has(host)]).toEqual([host, true]);
    }
    for (const host of ["11.0.0.1", "[fe80::1]", "192.0.2.1:5000"]) {
      expect([host, await list.has(host)]).toEqual([host, false]);
    }
  });

  test.each([
    ["http://x", "insecure registry http://x should not contain '://'"],
    ["x:99999", 'insecure registry x:99999 is not valid: invalid host "x:99999"'],
    ["-x", "is not valid"],
    ["10.0.0.0/33", "is not valid"],
  ])("refuses %p", (entry, message) => {
    expect(() => new InsecureRegistries([entry])).toThrow(message);
  });
});
