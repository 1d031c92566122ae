import { expect, test } from "bun:test";
import type { Transform } from "node:stream";
import { frame, framing, standardOutput } from "./stdcopy.ts";

async function through(transform: Transform, chunks: readonly Uint8Array[]): Promise<Buffer> {
  for (const chunk of chunks) transform.write(chunk);
  transform.end();
  return Buffer.concat(await transform.toArray());
}

test("standard output alone is left of frames, however they were cut", async () => {
  const frames = Buffer.concat([
    frame("stdout", "one "),
    frame("stderr", "no"),
    frame("stdout", ""),
    frame("stdout", "two"),
  ]);
  const bytes = Array.from(frames, (byte) => Uint8Array.of(byte));
  expect((await through(standardOutput(), [frames])).toString()).toBe("one two");
  expect((await through(standardOutput(), bytes)).toString()).toBe("one two");
});

test("a terminal's output becomes frames of standard output", async () => {
  expect(await through(framing(), [Buffer.from("x")])).toEqual(frame("stdout", "x"));
});
