import { expect, test } from "bun:test";
import { parseChunkRange, parseRange } from "./range.ts";

test.each([
  [undefined, undefined],
  ["bytes=0-3", { start: 0, end: 3 }],
  ["bytes=4-", { start: 4, end: 9 }],
  ["bytes=4-400", { start: 4, end: 9 }],
  ["bytes=-3", { start: 7, end: 9 }],
  ["bytes=-300", { start: 0, end: 9 }],
  ["bytes=10-", "unsatisfiable"],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=5-2", "unsatisfiable"],
  ["bytes=0-1,4-5", undefined],
  ["bytes=-", undefined],
  ["lines=0-3", undefined],
] as const)("a Range of %p on ten bytes", (header, expected) => {
  expect(parseRange(header, 10)).toEqual(expected as never);
});

test.each([
  ["0-9", { start: 0, end: 9 }],
  ["bytes 10-19/*", { start: 10, end: 19 }],
  ["9-0", undefined],
  ["0-", undefined],
  ["ten-20", undefined],
  ["0-99999999999999999999", undefined],
])("a chunk's Content-Range of %p", (header, expected) => {
  expect(parseChunkRange(header)).toEqual(expected as never);
});
