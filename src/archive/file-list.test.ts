import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileList } from "./file-list.ts";
import {
  decodeRecord,
  encodeRecord,
  fileKinds,
  isSameRecord,
  type ListedFile,
  pathOf,
} from "./file-record.ts";

const top = mkdtempSync(join(tmpdir(), "longshore-list-"));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const file = (path: string, more: Partial<ListedFile> = {}): ListedFile => ({
  path,
  kind: fileKinds.other,
  mode: 0o644,
  size: 3,
  modTime: 5n,
  linkname: "",
  stamp: "1 2",
  ...more,
});
const encoded = (one: ListedFile) => Buffer.from(encodeRecord(one) ?? []);

/** Names as a walk has them, so many that the list is read and written in many blocks. */
const folders = Array.from({ length: 60 }, (_, at) => `folder-${at}`).sort();
const inFolder = Array.from({ length: 100 }, (_, at) => `file ${at} with ü`).sort();
const paths = folders.flatMap((folder) => [folder, ...inFolder.map((name) => `${folder}/${name}`)]);

function filled(): FileList {
  const list = FileList.scratch(top);
  for (const path of paths) list.append(encoded(file(path)));
  return list;
}

function pathsOf(list: FileList, folder = ""): string[] {
  const found: string[] = [];
  list.each(folder, (record) => found.push(pathOf(record)));
  return found;
}

test("a record keeps all that is told", () => {
  const all = file("a/ü/😀", { mode: 2 ** 32 - 1, size: 2 ** 50, modTime: -1n, linkname: "../ü" });
  expect(decodeRecord(encoded(all))).toEqual(all);
  expect(isSameRecord(encoded(all), encoded({ ...all }))).toBe(true);
  for (const other of [
    { path: "a/ü/x" },
    { mode: 0 },
    { size: 1 },
    { modTime: 0n },
    { linkname: "" },
    { stamp: "" },
  ]) {
    expect(isSameRecord(encoded(all), encoded({ ...all, ...other }))).toBe(false);
  }
});

test("what no kernel takes gets no record", () => {
  expect(encodeRecord(file("n".repeat(4097)))).toBeUndefined();
  expect(encodeRecord(file("a", { linkname: "ü".repeat(4097) }))).toBeUndefined();
  expect(decodeRecord(encoded(file("ü".repeat(4096), { linkname: "ü".repeat(4096) }))).path).toHaveLength(
    4096,
  );
});

test("a list is gone through, and looked up, on the disk", () => {
  using list = filled();
  expect(pathsOf(list)).toEqual(paths);
  expect(pathsOf(list, "folder-7")).toEqual(paths.filter((path) => /^folder-7(\/|$)/.test(path)));
  expect(pathsOf(list, "folder")).toEqual([]);
  for (const path of paths.filter((_, at) => at % 37 === 0)) expect(list.find(path)).toEqual(file(path));
  for (const path of ["", "a", "folder-7/file", "zzz"]) expect(list.find(path)).toBeUndefined();
});

test("a list can be read while it grows, and a part of it begin another", () => {
  using list = FileList.scratch(top);
  const cursor = list.from();
  expect(cursor.record).toBeUndefined();
  for (const path of paths) {
    list.append(encoded(file(path)));
    cursor.next();
    expect(cursor.path).toBe(path);
  }
  using other = FileList.scratch(top);
  other.appendFrom(list, list.seek("folder-3").offset);
  other.append(encoded(file("folder-4")));
  expect(pathsOf(other)).toEqual([...paths.slice(0, paths.indexOf("folder-3")), "folder-4"]);
});

test.each([
  ["zeros", Buffer.alloc(500)],
  ["half a record", encoded(file("a")).subarray(0, 50)],
])("%s are told as what they are", (_what, bytes) => {
  const path = join(top, "damaged");
  writeFileSync(path, bytes);
  using list = FileList.open(path);
  expect(() => list.from()).toThrow("a list of files is damaged");
});
