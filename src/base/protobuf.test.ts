import { expect, test } from "bun:test";
import { bytes, int, int64, list, message, one, string } from "./protobuf.ts";

const Numbers = message({ plain: one(1, int), large: one(2, int64), many: list(3, int64) });

// The examples of protobuf.dev/programming-guides/encoding, and the ends of the ranges.
test.each([
  ["150", { plain: 150 }, "089601"],
  ["2^53 - 1", { plain: Number.MAX_SAFE_INTEGER }, "08ffffffffffffff0f"],
  ["a time in nanoseconds", { large: 1_700_000_000_123_456_789n }, "10959a97ece39fe7cb17"],
  ["-1", { large: -1n }, "10ffffffffffffffffff01"],
  ["2^63 - 1", { large: 2n ** 63n - 1n }, "10ffffffffffffffff7f"],
  ["2^28, where a part ends", { large: 2n ** 28n }, "108080808001"],
  ["2^56, where a part ends", { large: 2n ** 56n }, "10808080808080808001"],
])("%s", (_, value, encoded) => {
  expect(Numbers.encode(value).toString("hex")).toBe(encoded);
  expect(Numbers.decode(Buffer.from(encoded, "hex"))).toMatchObject(value);
});

test("messages of any length come back", () => {
  const Item = message({ name: one(1, string), data: one(2, bytes) });
  const Items = message({ items: list(1, Item) });
  const items = [0, 1, 511, 512, 513, 100_000].map((size) => ({
    name: "n".repeat(size),
    data: Buffer.alloc(size, size % 251),
  }));
  expect(Items.decode(Items.encode({ items })).items).toEqual(items);
});

test.each([
  ["0896", "a number is cut off"],
  ["10ffffffffffffffffffffff01", "a number is too long"],
  ["0a05616263", "a field is cut off"],
])("%s is refused", (encoded, why) => {
  const Any = message({ text: one(1, string), large: one(2, int64) });
  expect(() => Any.decode(Buffer.from(encoded, "hex"))).toThrow(why);
});
