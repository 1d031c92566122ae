import { expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Inflater } from "./inflate.ts";

const data = Buffer.alloc(5_000_000);
for (let at = 0; at < data.length; at++) data[at] = ((at * at) >> 7) & 255;

function inflate(kind: "gzip" | "zstd", bytes: Uint8Array, pieceSize: number): Buffer {
  using inflater = new Inflater(kind);
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

test("gzip that is cut off or corrupt is refused", () => {
  const bytes = gzipSync(data);
  expect(() => inflate("gzip", bytes.subarray(0, -1), 4096)).toThrow("unexpected end of file");
  const corrupt = Buffer.from(bytes);
  corrupt[bytes.length - 6] = (corrupt[bytes.length - 6] ?? 0) ^ 1;
  expect(() => inflate("gzip", corrupt, 4096)).toThrow("incorrect data check");
});

test("a small input that inflates a thousandfold comes in bounded pieces", () => {
  using inflater = new Inflater("gzip");
  let [largest, total] = [0, 0];
  for (const part of inflater.push(gzipSync(Buffer.alloc(64_000_000)))) {
    largest = Math.max(largest, part.length);
    total += part.length;
  }
  expect(total).toBe(64_000_000);
  expect(largest).toBeLessThanOrEqual(1_048_576);
});
