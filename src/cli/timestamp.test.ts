import { expect, test } from "bun:test";
import { parseTimestamp } from "./timestamp.ts";

test("points in time are taken as the Go client takes them", () => {
  const now = Date.parse("2026-01-01T00:10:00Z");
  expect(parseTimestamp("10m", now)).toBe("1767225600");
  expect(parseTimestamp("1h30m", now)).toBe("1767220800");
  expect(parseTimestamp("2026-01-01T00:00:00Z")).toBe("1767225600.000000000");
  expect(parseTimestamp("2026-01-01T01:00:00.5+01:00")).toBe("1767225600.500000000");
  expect(parseTimestamp("1767225600.123")).toBe("1767225600.123");
  expect(() => parseTimestamp("soon")).toThrow('failed to parse value as time or duration: "soon"');
  expect(() => parseTimestamp("2013-13-01")).toThrow('parsing time "2013-13-01": month out of range');
  expect(() => parseTimestamp("2013-02-30")).toThrow('parsing time "2013-02-30": day out of range');
});
