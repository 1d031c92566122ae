import { expect, test } from "bun:test";
import { encodeFields, FieldDecoder } from "./hpack.ts";
import { decodeHuffman } from "./huffman.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const plain = (fields: object) => ({ ...fields });

test("the examples of RFC 7541, C.4: requests in Huffman's code, one connection", () => {
  const decoder = new FieldDecoder();
  const base = { ":method": ["GET"], ":scheme": ["http"], ":path": ["/"], ":authority": ["www.example.com"] };
  expect(plain(decoder.decode(hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")))).toEqual(base);
  const second = plain(decoder.decode(hex("8286 84be 5886 a8eb 1064 9cbf")));
  expect(second).toEqual({ ...base, "cache-control": ["no-cache"] });
  const third = "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf";
  expect(plain(decoder.decode(hex(third)))).toEqual({
    ":method": ["GET"],
    ":scheme": ["https"],
    ":path": ["/index.html"],
    ":authority": ["www.example.com"],
    "custom-key": ["custom-value"],
  });
});

test("what is written here is read here, fields that come several times in their order", () => {
  const fields = {
    ":method": ["POST"],
    ":path": ["/moby.filesync.v1.FileSync/DiffCopy"],
    "exclude-patterns": ["a, b", "", "x".repeat(70_000)],
    te: ["trailers"],
  };
  expect(plain(new FieldDecoder().decode(encodeFields(fields)))).toEqual(fields);
});

test("a table that is full forgets the oldest, and one that is made smaller at once", () => {
  const decoder = new FieldDecoder();
  const long = Buffer.alloc(3000, "v");
  const kept = (name: string) => Buffer.concat([hex("40 01"), Buffer.from(name), hex("7f b9 16"), long]);
  decoder.decode(Buffer.concat([kept("a"), kept("b")]));
  expect(plain(decoder.decode(hex("be")))).toEqual({ b: [long.toString()] });
  expect(() => decoder.decode(hex("bf"))).toThrow("there is no header field 63");
  decoder.decode(hex("20"));
  expect(() => decoder.decode(hex("be"))).toThrow("there is no header field 62");
});

test.each([
  ["ff ff ff ff ff ff", "a number is too large"],
  ["40 05 61", "a text is cut off"],
  ["40 81 00 01 61", "a text is not coded as it should be"],
  ["3f e2 1f", "the table of header fields is too large"],
  ["80", "there is no header field 0"],
])("%s is refused", (bytes, message) => {
  expect(() => new FieldDecoder().decode(hex(bytes))).toThrow(message);
});

test("a code that ends in what is no filling is no text", () => {
  expect(decodeHuffman(hex("1f"))?.toString()).toBe("a");
  expect(decodeHuffman(hex("18"))).toBeUndefined();
  expect(decodeHuffman(hex("ff ff ff ff"))).toBeUndefined();
});
