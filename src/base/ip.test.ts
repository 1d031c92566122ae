import { expect, test } from "bun:test";
import {
  contains,
  formatIp,
  formatPrefix,
  ipBytes,
  ipFromBytes,
  lastOf,
  maskedPrefix,
  overlaps,
  parseIp,
  parsePrefix,
} from "./ip.ts";

const ip = (text: string) => parseIp(text) ?? { family: 4 as const, value: -1n };

test("addresses come back from numbers and bytes as they were", () => {
  for (const text of [
    "203.0.113.255",
    "0.0.0.0",
    "::",
    "::1",
    "fe80::",
    "2001:db8::1:0:0:1",
    "2001:db8:0:1:1:1:1:1",
    "fd00:1:2:3:4:5:6:7",
    "1::",
    "::2:0:0:0:3",
  ]) {
    expect(formatIp(ip(text))).toBe(text);
    expect(ipFromBytes(ipBytes(ip(text)))).toEqual(ip(text));
  }
  expect(formatIp(ip("2001:DB8:0:0:0:0:0:1"))).toBe("2001:db8::1");
  expect(formatIp(ip("::ffff:192.0.2.1"))).toBe("::ffff:c000:201");
});

test("what is not an address is refused", () => {
  const wrong = ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "a.b.c.d"];
  const wrong6 = [
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "g::",
    "fe80::1%eth0",
    "::1.2.3",
  ];
  for (const text of [...wrong, ...wrong6]) expect(parseIp(text)).toBeUndefined();
  for (const text of [
    "10.0.0.0",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0/8",
    "10.0.0.0/8/8",
    "fd00::/129",
    "10.0.0.0/08",
  ]) {
    expect(() => parsePrefix(text)).toThrow(`invalid CIDR address: ${text}`);
  }
});

test("subnets know what they contain and overlap, up to /0", () => {
  const docker = parsePrefix("172.17.0.0/16");
  expect(contains(docker, ip("172.17.255.255"))).toBe(true);
  expect(contains(docker, ip("172.18.0.0"))).toBe(false);
  expect(overlaps(docker, parsePrefix("172.16.0.0/12"))).toBe(true);
  expect(overlaps(parsePrefix("172.16.0.0/12"), docker)).toBe(true);
  expect(overlaps(docker, parsePrefix("172.18.0.0/16"))).toBe(false);
  expect(overlaps(docker, parsePrefix("0.0.0.0/0"))).toBe(true);
  expect(overlaps(docker, parsePrefix("::/0"))).toBe(false);
  expect(formatPrefix(maskedPrefix(parsePrefix("172.17.42.1/16")))).toBe("172.17.0.0/16");
  expect(formatIp(lastOf(parsePrefix("fd00:1::/64")))).toBe("fd00:1::ffff:ffff:ffff:ffff");
});
