import { describe, expect, test } from "bun:test";
import { beginHealth, type Health, healthCheckOf, pauseBeforeCheck, withResult } from "./health.ts";

const second = 1e9;
const config = {
  Test: ["CMD-SHELL", "check"],
  Interval: 10 * second,
  StartPeriod: 60 * second,
  StartInterval: second,
  Retries: 2,
};
const result = (ExitCode: number, Output = "") => ({ Start: "", End: "", ExitCode, Output });

describe("what is checked", () => {
  test("a shell's command goes to the shell of the image, any other one runs by itself", () => {
    expect(healthCheckOf(config)?.command).toEqual(["/bin/sh", "-c", "check"]);
    expect(healthCheckOf(config, ["/bin/bash", "-ec"])?.command).toEqual(["/bin/bash", "-ec", "check"]);
    expect(healthCheckOf({ Test: ["CMD", "check", "all"] })?.command).toEqual(["check", "all"]);
  });

  test("nothing, where nothing or NONE is said", () => {
    for (const Test of [undefined, [], ["NONE"], ["OTHER", "x"]]) {
      expect(healthCheckOf({ Test })).toBeUndefined();
    }
    expect(healthCheckOf(undefined)).toBeUndefined();
  });

  test("Docker's defaults", () => {
    expect(healthCheckOf({ Test: ["CMD", "x"] })).toMatchObject({
      interval: 30_000,
      timeout: 30_000,
      startPeriod: 0,
      startInterval: 5000,
      retries: 3,
    });
  });
});

describe("what becomes of it", () => {
  const check = healthCheckOf(config);
  if (!check) throw new Error("no check");
  const after = (...steps: [code: number, age: number][]): Health =>
    steps.reduce(
      (health, [code, age]) => withResult(health, check, result(code), age),
      beginHealth(undefined),
    );

  test("failures of the start do not count, until it was healthy or the period is over", () => {
    expect(after([1, 1000], [1, 2000], [1, 3000])).toMatchObject({ status: "starting", failingStreak: 0 });
    expect(after([1, 1000], [1, 61_000])).toMatchObject({ status: "starting", failingStreak: 1 });
    expect(after([1, 61_000], [1, 71_000])).toMatchObject({ status: "unhealthy", failingStreak: 2 });
    expect(after([0, 1000], [1, 2000])).toMatchObject({ status: "healthy", failingStreak: 1 });
    expect(after([0, 1000], [1, 2000], [1, 3000])).toMatchObject({ status: "unhealthy" });
  });

  test("one success makes it healthy again", () => {
    expect(after([1, 61_000], [1, 71_000], [0, 81_000])).toMatchObject({
      status: "healthy",
      failingStreak: 0,
    });
  });

  test("five results are kept, also over a restart", () => {
    const before = after([1, 0], [2, 0], [3, 0], [4, 0], [5, 0], [6, 0]);
    expect(before.log.map(({ ExitCode }) => ExitCode)).toEqual([2, 3, 4, 5, 6]);
    expect(beginHealth(before).log).toEqual(before.log);
  });

  test("checks come quickly while it starts, and only then", () => {
    expect(pauseBeforeCheck(check, "starting", 0)).toBe(1000);
    expect(pauseBeforeCheck(check, "starting", 60_000)).toBe(10_000);
    expect(pauseBeforeCheck(check, "healthy", 0)).toBe(10_000);
  });
});
