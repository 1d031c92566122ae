import { expect, test } from "bun:test";
import { digits, summarize } from "./statistics.ts";

test("a summary does not follow what is far off", () => {
  expect(summarize([10, 12, 11, 900, 13])).toEqual({ median: 12, spread: 1 });
  expect(summarize([1, 2])).toEqual({ median: 1.5, spread: 0.25 });
  expect(summarize([]).median).toBeNaN();
});

test("numbers are shown with three digits", () => {
  expect([0.0123, 0.123, 1.234, 12.34, 123.4, 12_345].map(digits)).toEqual([
    "0.0123",
    "0.123",
    "1.23",
    "12.3",
    "123",
    "12345",
  ]);
  expect(digits(Number.NaN)).toBe("–");
});
