import { expect, test } from "bun:test";
import { changeStamp } from "./change-stamp.ts";

const second = 1_000_000_000n;
const fine = 1_700_000_000n * second + 123_456_789n;
const coarse = 1_700_000_000n * second;
const after = (ctimeNs: bigint, millis: number) => Number(ctimeNs / 1_000_000n) + millis;
const stampOf = (ctimeNs: bigint, millis: number, ino = 7n) =>
  changeStamp({ ino, ctimeNs }, after(ctimeNs, millis));

test("a file that stays as it is has the same stamp again", () => {
  expect(stampOf(fine, 50)).toBe(stampOf(fine, 5000));
  expect(stampOf(coarse, 2100)).toBe(stampOf(coarse, 50_000));
});

test("another file, or another change, has another", () => {
  expect(stampOf(fine, 50)).not.toBe(stampOf(fine + 1n, 50));
  expect(stampOf(fine, 50)).not.toBe(stampOf(fine, 50, 8n));
});

test.each([
  ["within a tick of the clock", fine, 5],
  ["within a second, where the file system has whole ones", coarse, 900],
  ["later than now, by the clock of another host", fine, -5000],
])("a change %s is not trusted", (_, ctime, millis) => {
  expect(stampOf(ctime, millis)).not.toBe(stampOf(ctime, millis));
});
