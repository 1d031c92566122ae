import { expect, test } from "bun:test";
import { Cache } from "./cache.ts";
import {
  type Answer,
  encodeName,
  encodeReply,
  fitted,
  isTruncated,
  lifetimeOf,
  parseQuery,
  type Query,
  rcode,
  rcodeOf,
  recordType,
  reverseAddress,
} from "./message.ts";

function query(name: string, type: number = recordType.A, id = 7): Query {
  const header = Buffer.of(id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0);
  const parsed = parseQuery(Buffer.concat([header, encodeName(name), Buffer.of(0, type, 0, 1)]));
  if (!parsed || parsed === "malformed") throw new Error(`not a query: ${name}`);
  return parsed;
}

const address = (last: number): Answer => ({ type: recordType.A, data: Buffer.of(10, 0, 0, last) });

test("a query is read, and its answer carries its question as it was asked", () => {
  const asked = query("Web.Example");
  expect(asked).toMatchObject({ name: "web.example", type: recordType.A, id: 7, udpSize: 512 });
  const reply = encodeReply(asked, rcode.noError, [address(2)], 5);
  expect(reply.toString("latin1")).toContain("\x03Web\x07Example\0");
  expect(reply.subarray(-4)).toEqual(Buffer.of(10, 0, 0, 2));
  expect(lifetimeOf(reply, asked)).toBe(5);
});

test("broken messages are told from those that are no queries", () => {
  expect(parseQuery(Buffer.alloc(5))).toBeUndefined();
  expect(parseQuery(encodeReply(query("web"), rcode.noError))).toBeUndefined();
  const loop = Buffer.concat([query("web").message.subarray(0, 12), Buffer.of(0xc0, 12, 0, 1, 0, 1)]);
  expect(parseQuery(loop)).toBe("malformed");
  expect(parseQuery(query("web").message.subarray(0, 15))).toBe("malformed");
});

test("an answer that is too long for a datagram sends the client to TCP", () => {
  const asked = query("web");
  const reply = encodeReply(
    asked,
    rcode.noError,
    Array.from({ length: 100 }, (_, at) => address(at)),
    5,
  );
  const short = fitted(asked, reply, asked.udpSize);
  expect(isTruncated(short)).toBe(true);
  expect(short.length).toBeLessThan(64);
  expect(fitted(asked, reply, 65_535)).toBe(reply);
});

test("a kept answer gets older, is the next client's, and ends", () => {
  let now = 0;
  const cache = new Cache(2, () => now);
  const first = query("web", recordType.A, 1);
  cache.put("web", first, encodeReply(first, rcode.noError, [address(9)], 30));
  now = 10_000;
  const again = cache.get("web", query("WEB", recordType.A, 2));
  expect(again?.readUInt16BE(0)).toBe(2);
  expect(again?.toString("latin1")).toContain("\x03WEB");
  expect(again && lifetimeOf(again, first)).toBe(20);
  now = 30_000;
  expect(cache.get("web", first)).toBeUndefined();
  const failure = encodeReply(first, rcode.serverFailure);
  cache.put("web", first, failure);
  expect(rcodeOf(failure)).toBe(rcode.serverFailure);
  expect(cache.get("web", first)).toBeUndefined();
});

test("names of the reverse zones are addresses", () => {
  expect(reverseAddress("4.3.2.10.in-addr.arpa")).toBe("10.2.3.4");
  expect(reverseAddress(`1.${"0.".repeat(30)}f.ip6.arpa`)).toBe("f000:0000:0000:0000:0000:0000:0000:0001");
  expect(reverseAddress("web")).toBeUndefined();
});
