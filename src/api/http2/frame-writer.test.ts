import { expect, test } from "bun:test";
import { FrameWriter } from "./frame-writer.ts";
import { type Frame, FrameReader, flags, frameTypes, leastMaxFrame } from "./frames.ts";

/** The frames that the other side gets of what `write` writes in one turn. */
async function framesOf(
  write: (writer: FrameWriter) => void,
): Promise<[id: number, text: string, flags: number][]> {
  const reader = new FrameReader();
  const writer = new FrameWriter({
    read: async () => undefined,
    write: async (bytes) => {
      reader.push(bytes);
      return true;
    },
    destroy: () => {},
  });
  write(writer);
  await writer.drained();
  const found: Frame[] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) found.push(frame);
  return found.map(({ id, payload, flags: set }) => [id, payload.toString(), set]);
}

const data = (writer: FrameWriter, id: number, text: string, flag = 0) =>
  writer.frame(frameTypes.data, flag, id, Buffer.from(text));

test("small pieces of a stream come in one frame, and its end with them", async () => {
  const frames = await framesOf((writer) => {
    data(writer, 1, "a");
    data(writer, 1, "b");
    data(writer, 1, "", flags.endStream);
  });
  expect(frames).toEqual([[1, "ab", flags.endStream]]);
});

test("other frames between them keep their place", async () => {
  const frames = await framesOf((writer) => {
    data(writer, 1, "a");
    data(writer, 3, "b");
    data(writer, 3, "c");
    writer.frame(frameTypes.ping, 0, 0, Buffer.from("12345678"));
    data(writer, 3, "d");
    data(writer, 1, "e");
  });
  expect(frames.map(([id, text]) => `${id} ${text}`)).toEqual(["1 a", "3 bc", "0 12345678", "3 d", "1 e"]);
});

test("no frame becomes longer than everybody takes", async () => {
  const half = "x".repeat(leastMaxFrame / 2);
  const frames = await framesOf((writer) => {
    data(writer, 1, half);
    data(writer, 1, half);
    data(writer, 1, "y");
  });
  expect(frames.map(([, text]) => text.length)).toEqual([leastMaxFrame, 1]);
});
