import { expect, test } from "bun:test";
import { ToldFiles } from "./told-files.ts";

test("files are found by their number, in any order", () => {
  const told = new ToldFiles();
  const path = (at: number) => `folder ${at % 7}/ü ${at % 2 === 0 ? "😀" : "😁"} ${at}`;
  for (let at = 0; at < 1000; at++) told.add({ path: path(at), size: at * 3 });
  expect(told.count).toBe(1000);
  for (const at of [0, 999, 255, 256, 768, 1, 512])
    expect(told.get(at)).toEqual({ path: path(at), size: at * 3 });
  for (const at of [-1, 1000, 1024, 1e9, 0.5]) expect(told.get(at)).toBeUndefined();
});
