import { expect, test } from "bun:test";
import { layerProgress, ProgressMeter, progressBar } from "./progress.ts";

// Lines of a real dockerd 20.10.
test.each([
  [104, 104, "[==================================================>]     104B/104B"],
  [32768, 3001124, "[>                                                  ]  32.77kB/3.001MB"],
  [163840, 3001124, "[==>                                                ]  163.8kB/3.001MB"],
  [3001856, 3000000, "[==================================================>]  3.002MB"],
  [512, 0, "    512B"],
  [0, 0, ""],
])("the bar of %p of %p", (current, total, bar) => {
  expect(progressBar(current, total)).toBe(bar);
});

test("the fields stand in Docker's order", () => {
  const text = JSON.stringify(layerProgress("abc", "Downloading", 1, 2));
  expect(text).toStartWith('{"status":"Downloading","progressDetail":{"current":1,"total":2},"progress":"[');
  expect(text).toEndWith('"id":"abc"}');
});

test("a meter drops what comes too soon, and never the end", () => {
  let time = 0;
  const seen: number[] = [];
  const meter = new ProgressMeter(
    1000,
    (current) => seen.push(current),
    () => time,
  );
  meter.update(1);
  meter.update(200);
  time = 99;
  meter.update(300);
  time = 100;
  meter.update(301);
  time = 101;
  meter.update(1000);
  meter.update(1000);
  expect(seen).toEqual([1, 301, 1000]);
});
