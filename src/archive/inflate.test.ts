import { expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { openInflater } from "./inflate.ts";

const data = Buffer.alloc(5_000_000);
for (let at = 0; at < data.length; at++) data[at] = ((at * at) >> 7) & 255;

type Kind = Parameters<typeof openInflater>[0];

/** With igzip too, where it is installed: both have to say the same. */
function inflate(kind: Kind, bytes: Uint8Array, pieceSize: number): Buffer {
  const result = inflateBy(false, kind, bytes, pieceSize);
  if (kind === "gzip" && !inflateBy(true, kind, bytes, pieceSize).equals(result))
    throw new Error("they differ");
  return result;
}

function inflateBy(withIgzip: boolean, kind: Kind, bytes: Uint8Array, pieceSize: number): Buffer {
  using inflater = openInflater(kind, withIgzip);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceSize) {
    for (const part of inflater.push(bytes.subarray(at, at + pieceSize))) parts.push(Buffer.from(part));
  }
  for (const part of inflater.finish()) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

for (const pieceSize of [777, 100_000, 10_000_000]) {
  test(`gzip and zstd in pieces of ${pieceSize} bytes`, () => {
    expect(inflate("gzip", gzipSync(data), pieceSize).equals(data)).toBe(true);
    expect(inflate("zstd", zstdCompressSync(data), pieceSize).equals(data)).toBe(true);
  });
}

test("streams of several members or frames are one, and zeros may follow", () => {
  const [head, tail] = [data.subarray(0, 1_048_576), data.subarray(1_048_576)];
  const members = Buffer.concat([gzipSync(head), gzipSync(tail), Buffer.alloc(1000)]);
  expect(inflate("gzip", members, 4096).equals(data)).toBe(true);
  const frames = Buffer.concat([zstdCompressSync(head), zstdCompressSync(tail)]);
  expect(inflate("zstd", frames, 4096).equals(data)).toBe(true);
});

test("garbage after a finished stream is refused, wherever the pieces end", () => {
  const member = gzipSync(data.subarray(0, 10_000));
  for (const garbage of ["garbage", "\0\0garbage", "\x1fgarbage"]) {
    const bytes = Buffer.concat([member, Buffer.from(garbage)]);
    for (const withIgzip of [false, true]) {
      for (const pieceSize of [1, member.length, member.length + 1, bytes.length]) {
        const inflating = () => inflateBy(withIgzip, "gzip", bytes, pieceSize);
        expect(inflating).toThrow(/incorrect header check|unexpected end of file/);
      }
    }
  }
  const frame = zstdCompressSync(data.subarray(0, 10_000));
  expect(() => inflate("zstd", Buffer.concat([frame, Buffer.from("garbage")]), 4096)).toThrow();
});

test("gzip that is cut off or corrupt is refused", () => {
  const bytes = gzipSync(data);
  for (const withIgzip of [false, true]) {
    const broken = (content: Uint8Array) => () => inflateBy(withIgzip, "gzip", content, 4096);
    expect(broken(bytes.subarray(0, -1))).toThrow("unexpected end of file");
    const corrupt = Buffer.from(bytes);
    corrupt[bytes.length - 6] = (corrupt[bytes.length - 6] ?? 0) ^ 1;
    expect(broken(corrupt)).toThrow("incorrect data check");
    expect(broken(Buffer.from("not gzip at all, but long enough to be taken for it"))).toThrow(
      "incorrect header check",
    );
  }
});

test.each([false, true])(
  "a small input that inflates a thousandfold comes in bounded pieces",
  (withIgzip) => {
    using inflater = openInflater("gzip", withIgzip);
    let [largest, total] = [0, 0];
    for (const part of inflater.push(gzipSync(Buffer.alloc(64_000_000)))) {
      largest = Math.max(largest, part.length);
      total += part.length;
    }
    expect(total).toBe(64_000_000);
    expect(largest).toBeLessThanOrEqual(1_048_576);
  },
);
