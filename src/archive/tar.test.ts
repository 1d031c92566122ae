import { expect, test } from "bun:test";
import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TarDecoder } from "./tar-decoder.ts";
import { encodeHeader, endOfArchive, padding } from "./tar-encoder.ts";
import { type TarEntry, tarEntry } from "./tar-entry.ts";
import { blockSize, checksum } from "./tar-header.ts";

type Member = [TarEntry, string];

function encode(members: readonly Member[]): Buffer {
  const parts = members.flatMap(([entry, content]) => [
    encodeHeader(entry),
    Buffer.from(content, "latin1"),
    padding(content.length),
  ]);
  return Buffer.concat([...parts, endOfArchive()]);
}

function decode(bytes: Uint8Array, pieceSize = bytes.length): Member[] {
  const decoder = new TarDecoder();
  const members: Member[] = [];
  for (let at = 0; at < bytes.length; at += pieceSize) {
    for (const event of decoder.push(bytes.subarray(at, at + pieceSize))) {
      const last = members.at(-1);
      if (event.kind === "entry") members.push([event.entry, ""]);
      if (event.kind === "data" && last) last[1] += Buffer.from(event.bytes).toString("latin1");
    }
  }
  decoder.finish();
  return members;
}

const capability = Uint8Array.from([1, 0, 0, 2, 0, 0x0a, 0xff, 0x3d, 0, 0x20]);
const samples: Member[] = [
  [
    tarEntry({
      name: "plain",
      type: "file",
      size: 5,
      mode: 0o4755,
      uid: 7,
      gid: 8,
      mtime: 1_700_000_000_000_000_000n,
    }),
    "hello",
  ],
  [tarEntry({ name: "empty", type: "file" }), ""],
  [tarEntry({ name: "block", type: "file", size: blockSize }), "x".repeat(blockSize)],
  [tarEntry({ name: `${"deep/".repeat(40)}file`, type: "file", size: 3 }), "pax"],
  [tarEntry({ name: `${"a".repeat(120)}/${"b".repeat(90)}`, type: "file", size: 1 }), "u"],
  [tarEntry({ name: "caf\xc3\xa9", type: "symlink", linkname: "\xff\xfe not utf-8" }), ""],
  [tarEntry({ name: "owner", type: "file", uid: 3_000_000_000, gid: 2_097_152, uname: "r\xc3\xb6ot" }), ""],
  [tarEntry({ name: "times", type: "file", mtime: -1_500_000_001n }), ""],
  [
    tarEntry({
      name: "caps",
      type: "file",
      xattrs: new Map([
        ["security.capability", capability],
        ["user.empty", new Uint8Array()],
      ]),
    }),
    "",
  ],
  [tarEntry({ name: "dev/null", type: "char", devMajor: 1, devMinor: 3, mode: 0o666 }), ""],
  [tarEntry({ name: "dev/sda", type: "block", devMajor: 8, devMinor: 0 }), ""],
  [tarEntry({ name: "pipe", type: "fifo" }), ""],
  [tarEntry({ name: "dir/", type: "directory" }), ""],
  [tarEntry({ name: "link", type: "hardlink", linkname: "plain" }), ""],
];

test("what is encoded is decoded, whatever pieces it comes in", () => {
  const bytes = encode(samples);
  for (const pieceSize of [1, 7, 511, 512, 513, bytes.length])
    expect(decode(bytes, pieceSize)).toEqual(samples);
});

for (const format of ["v7", "oldgnu", "gnu", "ustar", "posix"]) {
  test(`archives of GNU tar in the format ${format} are read`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "longshore-tar-"));
    try {
      const long = format === "v7" || format === "ustar" ? "n".repeat(90) : "n".repeat(200);
      writeFileSync(join(folder, long), "content of the long name");
      linkSync(join(folder, long), join(folder, "same"));
      symlinkSync("target".repeat(format === "v7" || format === "ustar" ? 10 : 30), join(folder, "zlink"));
      const { stdout } = Bun.spawnSync(["tar", "-c", `--format=${format}`, "--sort=name", "-C", folder, "."]);
      const members = decode(stdout).map(([entry, content]) => [
        entry.name,
        entry.type,
        entry.linkname,
        content,
      ]);
      expect(members).toEqual([
        ["./", "directory", "", ""],
        [`./${long}`, "file", "", "content of the long name"],
        ["./same", "hardlink", `./${long}`, ""],
        ["./zlink", "symlink", "target".repeat(format === "v7" || format === "ustar" ? 10 : 30), ""],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("GNU tar reads what is encoded", () => {
  const { stdout, stderr } = Bun.spawnSync(
    ["tar", "-tv", "--numeric-owner", "--quoting-style=escape", "--full-time", "--utc"],
    {
      stdin: encode(samples),
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
    },
  );
  expect(stderr.toString()).toBe("");
  const lines = stdout.toString().split("\n");
  expect(lines).toHaveLength(samples.length + 1);
  expect(lines[0]).toContain("-rwsr-xr-x 7/8");
  expect(lines[0]).toContain("2023-11-14 22:13:20");
  expect(lines[3]).toContain(`${"deep/".repeat(40)}file`);
  expect(lines[6]).toContain("3000000000");
});

/** A header block with bytes changed, and its checksum made right. */
function patched(entry: TarEntry, at: number, text: string): Buffer {
  const block = encodeHeader(entry);
  block.write(text, at, "latin1");
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

const named = (name: string) => tarEntry({ name, type: "file" });
const plain = named("a");
const meta = (typeflag: string, content: string, size = content.length) => {
  const header = patched(plain, 124, size.toString(8).padStart(11, "0"));
  header.write(typeflag, 156, "latin1");
  header.write(`${checksum(header).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([
    header,
    Buffer.from(content, "latin1"),
    padding(content.length),
    encodeHeader(plain),
  ]);
};

const names = (bytes: Uint8Array) => decode(bytes).map(([{ name }]) => name);
const oneByOne = (...parts: Buffer[]) => Buffer.concat([...parts, encodeHeader(plain), endOfArchive()]);
/** An extended header without the member after it. */
const header = (typeflag: string, content: string) => meta(typeflag, content).subarray(0, 2 * blockSize);

// What Go's archive/tar, and with it Docker, makes of the same bytes.
test("of two extended headers the second counts, alone", () => {
  expect(names(oneByOne(header("x", "13 size=1024\n"), header("x", "10 path=b\n")))).toEqual(["b"]);
});

test("a long name of GNU counts before that of an extended header", () => {
  expect(names(oneByOne(header("L", "long\0"), header("x", "10 path=b\n")))).toEqual(["long"]);
});

test("the size of the extended header says where the next member is, not that of the header (CVE-2025-62518)", () => {
  const inner = encode([[named("smuggled"), ""]]).subarray(0, blockSize);
  const bytes = Buffer.concat([
    header("x", "12 size=512\n"),
    encodeHeader(plain),
    inner,
    encodeHeader(named("next")),
  ]);
  expect(names(bytes)).toEqual(["a", "next"]);
});

test("a link, a device or a directory has no content, whatever size it says", () => {
  const link = patched(tarEntry({ name: "l", type: "symlink", linkname: "a" }), 124, "00000001000");
  expect(names(Buffer.concat([link, encodeHeader(plain)]))).toEqual(["l", "a"]);
});

const refused: [string, Uint8Array, string][] = [
  ["a wrong checksum", Buffer.from(encodeHeader(plain)).fill("9", 0, 1), "checksum"],
  ["a negative size", patched(plain, 124, `\xff${"\xff".repeat(11)}`), "negative size"],
  ["a size that is no number", patched(plain, 124, "12x45"), "size is not a number"],
  ["a huge number", patched(plain, 124, `\x80${"\xff".repeat(11)}`), "out of range"],
  [
    "an owner of 2^32-1, which means nobody's",
    patched(plain, 108, "\x80\0\0\0\xff\xff\xff\xff"),
    "uid is out of range",
  ],
  ["an unknown type", patched(plain, 156, "Z"), "type"],
  ["a sparse file", patched(plain, 156, "S"), "sparse"],
  ["a sparse file of pax", meta("x", "22 GNU.sparse.major=1\n"), "sparse"],
  ["an extended header of a gigabyte", meta("x", "", 2 ** 30), "extended header of"],
  ["a long name of a gigabyte", meta("L", "", 2 ** 30), "extended header of"],
  ["a record that is longer than the header", meta("x", "99 path=x\n"), "wrong length"],
  ["a record without a key", meta("x", "7 path\n"), "key"],
  ["a record of length 0", meta("x", "0 path=x\n"), "without a length"],
  ["a NUL in a name", meta("x", "12 path=a\0b\n"), "wrong name"],
  ["a size of a record that is no number", meta("x", "11 size=-1\n"), "size"],
  [
    "a file that is called a directory, with content",
    patched(named("a/"), 124, "00000001000"),
    "a directory with content",
  ],
  [
    "a directory with the size of an extended header",
    meta("x", "13 size=1024\n11 path=d/\n"),
    "a directory with content",
  ],
  [
    "a member after a block of zeros",
    Buffer.concat([encodeHeader(plain), Buffer.alloc(blockSize), encodeHeader(plain)]),
    "a block of zeros alone",
  ],
  ["a size beyond what a number holds", meta("x", "28 size=9223372036854775808\n"), "size"],
  ["an end inside a member", encode(samples).subarray(0, blockSize + 3), "unexpected EOF"],
  ["an end after an extended header", meta("x", "10 path=b\n").subarray(0, 2 * blockSize), "unexpected EOF"],
];

for (const [what, bytes, message] of refused) {
  test(`refused: ${what}`, () => {
    expect(() => decode(bytes)).toThrow(message);
  });
}
