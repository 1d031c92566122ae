import { afterAll, expect, test } from "bun:test";
import { lstatSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Extractor } from "./extractor.ts";
import { type TarEntry, tarEntry } from "./tar-entry.ts";

const top = mkdtempSync(join(tmpdir(), "longshore-extractor-"));
afterAll(() => rmSync(top, { recursive: true, force: true }));

function extract(entries: Iterable<TarEntry>): string {
  const directory = mkdtempSync(join(top, "into-"));
  using extractor = new Extractor(directory, { whiteouts: "plain", devices: false });
  for (const entry of entries) {
    extractor.entry(entry);
    extractor.end();
  }
  extractor.finish();
  return directory;
}

const seconds = (at: number) => BigInt(at) * 1_000_000_000n;
const folder = (name: string, at: number) => tarEntry({ name, type: "directory", mtime: seconds(at) });
const file = (name: string, at: number) => tarEntry({ name, type: "file", mtime: seconds(at) });

test("a directory has the time that was told last, though more was made in it later", () => {
  const directory = extract([
    folder("a/", 1),
    folder("b/", 2),
    folder("a/", 3),
    file("a/file", 5),
    file("b/file", 5),
  ]);
  expect(["a", "b"].map((name) => statSync(join(directory, name)).mtimeMs / 1000)).toEqual([3, 2]);
});

test("what took the place of a directory has a time of its own", () => {
  const directory = extract([
    folder("a/", 1),
    folder("a/b/", 2),
    file("a", 3),
    folder("c/", 4),
    tarEntry({ name: "c", type: "symlink", linkname: "d", mtime: seconds(5) }),
    folder("d/", 6),
  ]);
  const times = ["a", "c", "d"].map((name) => lstatSync(join(directory, name)).mtimeMs / 1000);
  expect(times).toEqual([3, 5, 6]);
});
