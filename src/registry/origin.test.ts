import { expect, test } from "bun:test";
import type { IncomingMessage } from "node:http";
import { BlockList } from "node:net";
import { originOf } from "./origin.ts";

const trusted = new BlockList();
trusted.addSubnet("127.0.0.0", 8, "ipv4");
trusted.addSubnet("10.0.0.0", 8, "ipv4");

test.each([
  ["nothing forwarded", "192.0.2.1", {}, "192.0.2.1", "http://hub:5000"],
  ["an IPv4 peer of an IPv6 socket", "::ffff:192.0.2.1", {}, "192.0.2.1", "http://hub:5000"],
  [
    "a stranger's word",
    "192.0.2.1",
    { "x-forwarded-for": "1.1.1.1", "x-forwarded-proto": "https" },
    "192.0.2.1",
    "http://hub:5000",
  ],
  [
    "a proxy's word",
    "127.0.0.1",
    { "x-forwarded-for": "192.0.2.9", "x-forwarded-proto": "https" },
    "192.0.2.9",
    "https://hub:5000",
  ],
  [
    "what the client wrote before",
    "127.0.0.1",
    { "x-forwarded-for": "6.6.6.6, 192.0.2.9, 10.1.1.1" },
    "192.0.2.9",
    "http://hub:5000",
  ],
  ["only proxies", "127.0.0.1", { "x-forwarded-for": "10.2.2.2, 10.1.1.1" }, "10.2.2.2", "http://hub:5000"],
  ["no address", "127.0.0.1", { "x-forwarded-for": "<script>" }, "127.0.0.1", "http://hub:5000"],
  [
    "another host",
    "127.0.0.1",
    { "x-forwarded-host": "hub.example.com" },
    "127.0.0.1",
    "http://hub.example.com",
  ],
  ["a host that is none", "127.0.0.1", { host: 'a"b' }, "127.0.0.1", "http://localhost"],
] as const)("%s", (_, peer, headers, remote, origin) => {
  const request = { socket: { remoteAddress: peer }, headers: { host: "hub:5000", ...headers } };
  const options = { scheme: "http", trusted, fixed: undefined };
  expect(originOf(request as never as IncomingMessage, options)).toEqual({ remote, origin });
});
