import { expect, test } from "bun:test";
import { formatPrefix, parseIp, parsePrefix } from "../base/ip.ts";
import { AddressPool } from "./address-pool.ts";

function pool(subnet: string, range = subnet) {
  const clock = { now: 0 };
  const made = new AddressPool({
    subnet: parsePrefix(subnet),
    range: parsePrefix(range),
    network: "net",
    now: () => clock.now,
  });
  return { made, clock, take: () => formatPrefix(made.take()) };
}

test("a released address rests before somebody else gets it", () => {
  const { made, clock, take } = pool("10.0.0.0/29");
  expect([take(), take()]).toEqual(["10.0.0.1/29", "10.0.0.2/29"]);
  made.free(parsePrefix("10.0.0.1/29"));
  expect(take()).toBe("10.0.0.3/29");
  clock.now = 10_001;
  expect(take()).toBe("10.0.0.1/29");
});

test("when nothing else is left, the one that rests the longest is taken; then there is none", () => {
  const { made, clock, take } = pool("10.0.0.0/30");
  const first = made.take();
  const second = made.take();
  made.free(second);
  clock.now = 5;
  made.free(first);
  expect([take(), take()]).toEqual(["10.0.0.2/30", "10.0.0.1/30"]);
  expect(take).toThrow("no available IPv4 addresses on this network's address pools: net");
});

test("addresses come from the range, also of IPv6, and one that was asked for is given once", () => {
  const { made, take } = pool("fd00::/64", "fd00::ff00/120");
  expect(take()).toBe("fd00::ff00/64");
  const asked = parseIp("fd00::5") ?? { family: 6 as const, value: 0n };
  expect(formatPrefix(made.claim(asked))).toBe("fd00::5/64");
  expect(() => made.claim(asked)).toThrow("Address already in use");
});
