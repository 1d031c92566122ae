import { expect } from "bun:test";

/**
 * How often numbers that count from 0 leave some out. No number comes twice, and none out of order. What a supervisor
 * has read when it is killed, and not written yet, is gone with it: one gap for each death.
 */
export function gapsIn(numbers: readonly number[]): number {
  const steps = numbers.map((number, at) => number - (numbers[at - 1] ?? -1));
  expect(Math.min(...steps)).toBe(1);
  return steps.filter((step) => step > 1).length;
}
