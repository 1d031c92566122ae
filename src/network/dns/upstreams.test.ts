import { expect, test } from "bun:test";
import { parseQuery, type Query, rcode, rcodeOf } from "./message.ts";
import { ServerGroup } from "./server-group.ts";
import { Upstreams } from "./upstreams.ts";

/** Nobody answers there: a question waits until it is given up. */
const silent = "127.0.0.99";

function question(number: number): Query {
  const name = Buffer.from(`name${number}`);
  const head = Buffer.of(0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0);
  const query = parseQuery(Buffer.concat([head, Buffer.of(name.length), name, Buffer.of(0, 0, 1, 0, 1)]));
  if (!query || query === "malformed") throw new Error("no question");
  return query;
}

/** The numbers of those calls that have ended when one made after them has. */
async function endedAtOnce(calls: readonly Promise<unknown>[]): Promise<number[]> {
  const ended: number[] = [];
  for (const [number, call] of calls.entries()) void call.then(() => ended.push(number));
  await new Promise((resolve) => setImmediate(resolve));
  return ended;
}

test("a group that has too many questions waiting answers no more, until some are given up", async () => {
  using group = new ServerGroup("silent", [silent], undefined);
  const calls = Array.from({ length: 8200 }, (_, number) => group.ask(question(number)));
  expect(await endedAtOnce(calls)).toEqual([8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199]);
  expect(new Set(await Promise.all(calls))).toEqual(new Set([undefined]));
}, 60_000);

test("a container that asks without end gets failures, and the others answers", async () => {
  using upstreams = new Upstreams(() => [silent]);
  const sandbox = (containerId: string) => ({ containerId, netns: "", servers: [], names: [] }) as never;
  const flood = Array.from({ length: 1030 }, (_, number) => upstreams.ask(question(number), sandbox("one")));
  const other = upstreams.ask(question(5000), sandbox("other"));
  const ended = await endedAtOnce([...flood, other]);
  expect(ended).toEqual([1024, 1025, 1026, 1027, 1028, 1029]);
  expect(rcodeOf(await (flood[1029] as Promise<Buffer>))).toBe(rcode.serverFailure);
  await Promise.all([...flood, other]);
  // It may ask again.
  expect(await endedAtOnce([upstreams.ask(question(1), sandbox("one"))])).toEqual([]);
}, 60_000);
