import { expect, test } from "bun:test";
import {
  contains,
  formatIPv4,
  ipv4Bytes,
  ipv4FromBytes,
  networkOf,
  overlaps,
  parseCidr,
  parseIPv4,
} from "./ipv4.ts";

test("addresses above 127 stay positive on their way through numbers and bytes", () => {
  const address = parseIPv4("203.0.113.255") ?? 0;
  expect(address).toBe(0xcb0071ff);
  expect(formatIPv4(address)).toBe("203.0.113.255");
  expect(ipv4FromBytes(ipv4Bytes(address))).toBe(address);
});

test("what is not an address is refused", () => {
  for (const text of ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "::1", "a.b.c.d"]) {
    expect(parseIPv4(text)).toBeUndefined();
  }
  for (const text of ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "10.0.0.0/8/8"]) {
    expect(() => parseCidr(text)).toThrow(`invalid CIDR address: ${text}`);
  }
});

test("subnets know what they contain and overlap, up to /0", () => {
  const docker = parseCidr("172.17.0.0/16");
  expect(contains(docker, parseIPv4("172.17.255.255") ?? 0)).toBe(true);
  expect(contains(docker, parseIPv4("172.18.0.0") ?? 0)).toBe(false);
  expect(overlaps(docker, parseCidr("172.16.0.0/12"))).toBe(true);
  expect(overlaps(parseCidr("172.16.0.0/12"), docker)).toBe(true);
  expect(overlaps(docker, parseCidr("172.18.0.0/16"))).toBe(false);
  expect(overlaps(docker, parseCidr("0.0.0.0/0"))).toBe(true);
  expect(networkOf(parseCidr("172.17.42.1/16"))).toEqual({ address: 0xac110000, prefix: 16 });
});
