import { describe, expect, test } from "bun:test";
import { Demultiplexer } from "./demultiplex.ts";
import { DetachWatch, parseDetachKeys } from "./detach-keys.ts";

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

describe("output and errors in one stream", () => {
  const bytes = Buffer.concat([frame(1, "out"), frame(2, "err"), frame(1, ""), frame(1, "more")]);

  test("come apart the same wherever the pieces end", () => {
    for (let size = 1; size <= bytes.length; size++) {
      const frames = new Demultiplexer();
      const seen: Record<number, string> = { 1: "", 2: "" };
      for (let at = 0; at < bytes.length; at += size) {
        for (const { stream, bytes: part } of frames.push(bytes.subarray(at, at + size))) {
          seen[stream] += Buffer.from(part).toString();
        }
      }
      expect(seen).toEqual({ 1: "outmore", 2: "err" });
    }
  });

  test("that is not of this form is refused", () => {
    expect(() => [...new Demultiplexer().push(Buffer.from("plain text"))]).toThrow(
      "Unrecognized input header: 112",
    );
  });
});

describe("detach keys", () => {
  const typed = (keys: readonly number[], ...chunks: string[]) => {
    const watch = new DetachWatch(keys);
    let sent = "";
    for (const chunk of chunks) {
      const { send, detached } = watch.push(Buffer.from(chunk));
      sent += Buffer.from(send).toString();
      if (detached) return { sent, detached };
    }
    return { sent, detached: false };
  };

  test("are read as the Go client reads them", () => {
    expect(parseDetachKeys("ctrl-p,ctrl-q,x,ctrl-[,ctrl-_")).toEqual([16, 17, 120, 27, 31]);
    expect(() => parseDetachKeys("ctrl-1")).toThrow("Unknown character: 'ctrl-1'");
    expect(() => parseDetachKeys("ab")).toThrow("Unknown character: 'ab'");
  });

  test("detach when they are complete, even in two reads", () => {
    expect(typed([16, 17], "ab\x10\x11c")).toEqual({ sent: "ab", detached: true });
    expect(typed([16, 17], "ab\x10", "\x11")).toEqual({ sent: "ab", detached: true });
    expect(typed([24], "a\x18")).toEqual({ sent: "a", detached: true });
  });

  test("that are not completed are sent after all", () => {
    expect(typed([16, 17], "a\x10b")).toEqual({ sent: "a\x10b", detached: false });
    expect(typed([16, 17], "\x10", "\x10\x11")).toEqual({ sent: "\x10", detached: true });
    expect(typed([97, 98], "aab")).toEqual({ sent: "a", detached: true });
  });
});
