import { expect, test } from "bun:test";
import { decodeMessage, encodeMessage, lengthOf, messageTypes } from "./message.ts";
import { DbusReader, type DbusValue, DbusWriter, typesOf } from "./values.ts";

test("a signature is cut into its types", () => {
  expect(typesOf("sa{sv}a(ss)uaas(i(bb))")).toEqual(["s", "a{sv}", "a(ss)", "u", "aas", "(i(bb))"]);
  expect(() => typesOf("a(s")).toThrow("not a signature");
});

test("values stand where their alignment wants them", () => {
  const writer = new DbusWriter();
  writer.writeAll("yus", [7, 1, "ab"]);
  expect(writer.bytes.toString("hex")).toBe(["07000000", "01000000", "02000000", "616200"].join(""));
  const list = new DbusWriter();
  // The padding before the first element is not counted.
  list.writeAll("at", [[5n]]);
  expect(list.bytes.toString("hex")).toBe(["08000000", "00000000", "0500000000000000"].join(""));
});

test.each<[signature: string, values: DbusValue[]]>([
  ["ynqiuxtdb", [1, -2, 3, -4, 5, -6n, 7n, 0.5, true]],
  ["asog", [["a", "", "long".repeat(200)], "/a/b", "a{sv}"]],
  [
    "a{sv}",
    [
      [
        ["one", { signature: "s", value: "1" }],
        ["two", { signature: "as", value: ["x"] }],
      ],
    ],
  ],
  [
    "a(sa(bs))v",
    [
      [
        ["a", [[true, "b"]]],
        ["c", []],
      ],
      { signature: "v", value: { signature: "y", value: 1 } },
    ],
  ],
])("values of type %s come back", (signature, values) => {
  const writer = new DbusWriter();
  writer.writeAll(signature, values);
  expect(new DbusReader(writer.bytes).readAll(signature)).toEqual(values);
});

test("a message comes back, and says how long it is", () => {
  const call = {
    type: messageTypes.call,
    serial: 3,
    ...{ path: "/a", interface: "b.c", member: "D", destination: "e.f", signature: "su" },
    body: ["x", 1],
  };
  const bytes = encodeMessage(call);
  expect(lengthOf(bytes.subarray(0, 15))).toBeUndefined();
  expect(lengthOf(bytes.subarray(0, 16))).toBe(bytes.length);
  expect(decodeMessage(bytes)).toEqual(call);
  expect(() => lengthOf(Buffer.from("HTTP/1.1 400 Bad"))).toThrow("no message of D-Bus");
});
