/** What a receiver makes of senders that mean no good, or whose files change under them. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileStat, goModes, Packet, packetTypes } from "../api/buildkit/session.ts";
import { FileList } from "../archive/file-list.ts";
import { digestOf, pathOf } from "../archive/file-record.ts";
import { messageOf } from "../base/errors.ts";
import { receiveFiles } from "./receive.ts";

const top = mkdtempSync(join(tmpdir(), "longshore-receive-"));
afterAll(() => rmSync(top, { recursive: true, force: true }));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(top, "files-"));
});

const stat = (path: string, more: Partial<FileStat> = {}) =>
  Packet.encode({ type: packetTypes.stat, stat: { path, mode: 0o644, ...more } as FileStat });
const folder = (path: string) => stat(path, { mode: goModes.directory + 0o755 });
const link = (path: string, linkname: string) => stat(path, { mode: goModes.symlink + 0o777, linkname });
const endOfList = Packet.encode({ type: packetTypes.stat });
const data = (ID: number, text = "") =>
  Packet.encode({ type: packetTypes.data, ID, data: Buffer.from(text) });
const finish = Packet.encode({ type: packetTypes.finish });

/** The digests of files by their paths. */
function contentsOf(list: FileList): Record<string, string | undefined> {
  const contents: Record<string, string | undefined> = {};
  list.each("", (record) => {
    contents[pathOf(record)] = digestOf(record);
  });
  return contents;
}

/** Receives what a sender says that never listens. */
async function receive(packets: Buffer[], known?: FileList) {
  const asked: Packet[] = [];
  const stream = {
    async *messages() {
      yield* packets;
    },
    async send(message: Uint8Array) {
      asked.push(Packet.decode(message));
    },
  };
  const begin = () => FileList.scratch(top);
  const list = await receiveFiles(stream, { directory, known, begin, hash: true });
  return { list, contents: contentsOf(list), asked };
}

async function refusalOf(packets: Buffer[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  receive(packets).then(() => resolve("nothing was refused"), resolve);
  return messageOf(await promise);
}

const long = "n".repeat(4096);

test.each([
  ["leads out of the folder", [stat("../outside")]],
  ["leads out of the folder further down", [folder("a"), stat("a/../../outside")]],
  ["is absolute", [stat("/etc/outside")]],
  ["is empty", [stat("", { mode: 0o600 })]],
  ["is a dot", [stat(".")]],
  ["has an empty part", [folder("a"), stat("a//b")]],
  ["has a NUL", [stat("a\0b")]],
  ["comes before its folder", [stat("a/b"), folder("a")]],
  ["is below a file", [stat("a"), stat("a/b")]],
  ["is below a symbolic link", [link("a", "/etc"), stat("a/outside")]],
  ["is there twice", [stat("a"), stat("a")]],
  ["is a link after it was a folder", [folder("a"), link("a", "/etc"), stat("a/outside")]],
])("a path that %s is refused", async (_what, packets) => {
  expect(await refusalOf([...packets, endOfList, data(0), data(1), finish])).toMatch(/^invalid path "/);
  expect(readdirSync(top).filter((name) => !name.startsWith("files-"))).toEqual([]);
});

test.each([
  ["a name", [stat(long)]],
  ["the name of a folder", [folder(long)]],
  ["the target of a link", [link("a", long)]],
])("%s of 4,096 bytes is refused without a word about the host's folders", async (_what, packets) => {
  const said = await refusalOf([...packets, endOfList, data(0), finish]);
  expect(said).toMatch(/in the build context: file name too long$/);
  expect(said).not.toContain(directory);
});

test.each([
  ["leads nowhere", ""],
  ["has a NUL", "a\0b"],
])("a link that %s is refused", async (_what, linkname) => {
  expect(await refusalOf([link("a", linkname), endOfList, finish])).toMatch(/^invalid link "a"/);
});

test("links in a circle stay links", async () => {
  const { contents } = await receive([link("a", "b"), link("b", "a"), endOfList, finish]);
  expect(Object.keys(contents)).toEqual(["a", "b"]);
  expect(readdirSync(directory).sort()).toEqual(["a", "b"]);
});

test.each([
  ["shorter", "ab"],
  ["longer", "abcdefgh"],
])("a file that is %s than was told is what came of it", async (_what, text) => {
  const { contents } = await receive([stat("a", { size: 4 }), endOfList, data(0, text), data(0), finish]);
  expect(readFileSync(join(directory, "a"), "utf8")).toBe(text);
  expect(contents.a).toBe(createHash("sha256").update(text).digest("hex"));
});

test.each([
  ["that nobody asked for", [stat("a"), endOfList, data(7, "x")]],
  ["of a folder", [folder("a"), data(0, "x")]],
  ["after the end of its file", [stat("a"), stat("b"), data(0, "x"), data(0), data(0, "more")]],
])("content %s is refused", async (_what, packets) => {
  expect(await refusalOf([...packets, endOfList, finish])).toMatch(/was not asked for$/);
});

test.each([
  ["before its list ends", [stat("a")]],
  ["in the middle of a file", [stat("a"), endOfList, data(0, "x")]],
  ["with files left", [stat("a"), stat("b"), endOfList, data(1, "x"), data(1)]],
  ["with an end that is none", [stat("a"), endOfList, finish]],
])("a sender that stops %s is told of", async (_what, packets) => {
  expect(await refusalOf(packets)).toBe("the build context is cut off");
});

test("what a sender says of a file's digest counts for nothing", async () => {
  const claimed = Buffer.concat([stat("a", { size: 1 }), Buffer.from([0xca, 0x3e, 1, 0x66])]);
  const { contents } = await receive([claimed, endOfList, data(0, "x"), data(0), finish]);
  expect(contents.a).toBe(createHash("sha256").update("x").digest("hex"));
});

test("a file is made anew, never written over, and its digest goes with it", async () => {
  const told = [stat("a", { size: 1 }), stat("b", { size: 1 }), endOfList];
  const first = await receive([...told, data(0, "x"), data(0), data(1, "y"), data(1), finish]);
  linkSync(join(directory, "a"), join(top, "files-kept"));
  const changed = [stat("a", { size: 1, modTime: 5n }), endOfList, data(0, "z"), data(0), finish];
  const second = await receive(changed, first.list);
  expect(readFileSync(join(directory, "a"), "utf8")).toBe("z");
  expect(existsSync(join(directory, "b"))).toBe(false);
  expect(second.contents).toEqual({ a: createHash("sha256").update("z").digest("hex") });
  expect(readFileSync(join(top, "files-kept"), "utf8")).toBe("x");
});
