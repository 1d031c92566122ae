import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { comparePaths } from "../base/path-order.ts";
import { setXattr } from "../linux/xattr.ts";
import { type CopyFrom, copyInto, digestSelection } from "./copy.ts";
import { FileList } from "./file-list.ts";
import { arrivedTail, encodeRecord, fileKinds, tailAt } from "./file-record.ts";

const root = mkdtempSync(join(tmpdir(), "longshore-copy-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const texts = new Map<string, string>();
function write(path: string, text: string): void {
  writeFileSync(join(root, path), text);
  texts.set(path, text);
}
mkdirSync(join(root, "app/lib"), { recursive: true });
write("top", "1");
write("app/empty", "");
write("app/name with ü", "2");
write("app/lib/deep", "x".repeat(300_000));
symlinkSync("lib/deep", join(root, "app/link"));

const lists = mkdtempSync(join(tmpdir(), "longshore-copy-lists-"));
afterAll(() => rmSync(lists, { recursive: true, force: true }));

/** The path of a list of the files that were written, with the digests of these texts. */
function listOf(all: ReadonlyMap<string, string>): string {
  const path = join(lists, crypto.randomUUID());
  using list = FileList.create(path);
  const rest = { kind: fileKinds.other, mode: 0o644, size: 0, modTime: 0n, linkname: "", stamp: "" };
  for (const [name, text] of [...all].sort(([one], [other]) => comparePaths(one, other))) {
    const record = encodeRecord({ path: name, ...rest }) ?? Buffer.alloc(0);
    const offset = list.append(record);
    list.overwrite(offset + tailAt(record), arrivedTail(createHash("sha256").update(text).digest()));
  }
  list.flush();
  return path;
}

const from = (paths: string[], more: Partial<CopyFrom> = {}): CopyFrom => ({
  root,
  paths,
  parents: false,
  exclude: [],
  owner: { uid: 0, gid: 0 },
  ...more,
});

test.each([
  ["all", from(["/"])],
  ["a folder", from(["app"])],
  ["files", from(["top", "app/*"])],
  ["over a link", from(["app/link"])],
  ["with parents", from(["app/lib/deep"], { parents: true })],
  ["without some", from(["/"], { exclude: ["app/lib"] })],
])("the digest of %s is the same whether or not the files are read", (_what, selection) => {
  expect(digestSelection({ ...selection, contents: listOf(texts) })).toBe(digestSelection(selection));
});

test("what is known of a file counts, and is not looked up", () => {
  const other = listOf(new Map(texts).set("app/lib/deep", "other"));
  expect(digestSelection(from(["/"], { contents: other }))).not.toBe(digestSelection(from(["/"])));
  expect(digestSelection(from(["top"], { contents: other }))).toBe(digestSelection(from(["top"])));
});

test("files have the permissions and the owner that they had, whatever their folder hands on", () => {
  const source = mkdtempSync(join(root, "modes-"));
  const target = mkdtempSync(join(root, "into-"));
  const modes = { plain: 0o644, secret: 0o600, open: 0o666, program: 0o4755 };
  for (const [name, mode] of Object.entries(modes)) {
    writeFileSync(join(source, name), name);
    chmodSync(join(source, name), mode);
  }
  const copied = (folder: string) => {
    copyInto({ from: { ...from(["/"]), root: source }, root: target, target: `/${folder}/` });
    return Object.keys(modes).map((name) => {
      const { mode, uid, gid } = statSync(join(target, folder, name));
      return [mode & 0o7777, uid, gid];
    });
  };
  const expected = Object.values(modes).map((mode) => [mode, 0, 0]);
  expect(copied("new")).toEqual(expected);
  mkdirSync(join(target, "listed"));
  // u::rwx, g::---, o::---: what is made there is for nobody else.
  const list = Buffer.from("0200000001000700ffffffff04000000ffffffff20000000ffffffff", "hex");
  setXattr(join(target, "listed"), "system.posix_acl_default", list);
  expect(copied("listed")).toEqual(expected);
});

test("files with several names are told by the first one", () => {
  const source = mkdtempSync(join(root, "links-"));
  writeFileSync(join(source, "a"), "x");
  linkSync(join(source, "a"), join(source, "b"));
  const target = mkdtempSync(join(root, "links-into-"));
  copyInto({ from: { ...from(["/"]), root: source }, root: target, target: "/" });
  expect(statSync(join(target, "a")).ino).toBe(statSync(join(target, "b")).ino);
});

test("a folder that is copied into has the time of the one that was copied, whether or not it was there", () => {
  const source = mkdtempSync(join(root, "times-"));
  const target = mkdtempSync(join(root, "times-into-"));
  mkdirSync(join(source, "a/b"), { recursive: true });
  writeFileSync(join(source, "a/b/c"), "c");
  for (const [path, time] of [
    ["a/b/c", 1_000_000],
    ["a/b", 2_000_000],
    ["a", 3_000_000],
  ] as const)
    utimesSync(join(source, path), time, time);
  mkdirSync(join(target, "there"));
  symlinkSync("there", join(target, "link"));
  const timeOf = (path: string) => statSync(join(target, path)).mtimeMs / 1000;
  const copy = (paths: string[], to: string) =>
    copyInto({ from: { ...from(paths), root: source }, root: target, target: to });
  copy(["a"], "/link");
  copy(["a"], "/new/deep/");
  expect([timeOf("there"), timeOf("new/deep"), timeOf("new/deep/b")]).toEqual([
    3_000_000, 3_000_000, 2_000_000,
  ]);
  expect(timeOf("new")).toBeGreaterThan(4_000_000);
  // Of a context itself the time is that of its arrival: it says nothing.
  copy(["/"], "/whole");
  expect(timeOf("whole")).toBeGreaterThan(4_000_000);
  copy(["a/b/c"], "/whole");
  expect(timeOf("whole")).toBeGreaterThan(4_000_000);
});

test("a link at the end of the target is followed, to nothing too; one in a folder that is copied into is replaced", () => {
  const source = mkdtempSync(join(root, "to-links-"));
  const target = mkdtempSync(join(root, "to-links-into-"));
  writeFileSync(join(source, "f"), "new");
  mkdirSync(join(target, "t"));
  writeFileSync(join(target, "t/file"), "old");
  const copy = (to: string) => copyInto({ from: { ...from(["f"]), root: source }, root: target, target: to });
  const linked = (name: string, to: string) => {
    symlinkSync(to, join(target, "t", name));
    copy(`/t/${name}`);
    expect(lstatSync(join(target, "t", name)).isSymbolicLink()).toBe(true);
  };
  linked("relative", "file");
  expect(readFileSync(join(target, "t/file"), "utf8")).toBe("new");
  linked("chain", "far");
  expect(readFileSync(join(target, "t/far"), "utf8")).toBe("new");
  linked("outside", "../../../../made/by/it");
  expect(readFileSync(join(target, "made/by/it"), "utf8")).toBe("new");
  symlinkSync("file", join(target, "t/f"));
  copy("/t/");
  expect(lstatSync(join(target, "t/f")).isSymbolicLink()).toBe(false);
  symlinkSync("round", join(target, "t/round"));
  expect(() => copy("/t/round")).toThrow("too many links: /t/round");
});
