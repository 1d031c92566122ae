import { expect, test } from "bun:test";
import { phasesOf } from "./attribute.ts";

const millis = (value: number) => BigInt(value * 1e6);
const step = (name: string, begun: number, ended: number, isRequest = false) => ({
  name,
  begun: millis(begun),
  ended: millis(ended),
  isRequest,
});

test("every moment belongs to the innermost step, or to who waits for it", () => {
  const spans = [
    step("POST /containers/create", 10, 14, true),
    step("rootfs.home", 11, 12),
    step("POST /containers/{id}/wait", 15, 60, true),
    step("POST /containers/{id}/start", 16, 40, true),
    step("runtime.start", 20, 39),
    step("exit.told", 50, 55),
    step("exit.clear", 55, 63),
    step("another run", 90, 99),
  ];
  const phases = phasesOf({ begun: millis(0), ended: millis(64) }, spans);
  expect(Object.fromEntries(phases)).toEqual({
    "client starts": 10,
    "POST /containers/create": 3,
    "rootfs.home": 1,
    "client, between requests": 2 + 5,
    "POST /containers/{id}/start": 4 + 1,
    "runtime.start": 19,
    "the container's process": 10,
    "exit.told": 5,
    "client ends": 4,
  });
});
