import { expect, test } from "bun:test";
import { IdleMemory } from "./idle-memory.ts";

/** Resolves when everything that was set going for now has been done. */
const soon = () => Bun.sleep(50);

test("gives back once after the start and after each burst, and not for single requests", async () => {
  let given = 0;
  using idle = new IdleMemory(() => given++, 1);
  const request = async (times: number) => {
    for (let time = 0; time < times; time++) idle.requested();
    expect(given).toBe(before);
    await soon();
  };
  let before = 0;
  await request(1);
  expect(given).toBe(1);
  before = 1;
  await request(1);
  expect(given).toBe(1);
  await request(50);
  expect(given).toBe(2);
});

test("waits for the end of the work", async () => {
  let given = 0;
  using idle = new IdleMemory(() => given++, 3_600_000);
  idle.requested();
  await soon();
  expect(given).toBe(0);
});

test("what a burst leaves is really given back", async () => {
  using idle = new IdleMemory(undefined, 1);
  const big = Array.from({ length: 400_000 }, (_, at) => ({ at, name: `of ${at}` }));
  const full = process.memoryUsage.rss();
  big.length = 0;
  idle.requested();
  while (process.memoryUsage.rss() > full - (8 << 20)) await soon();
});
