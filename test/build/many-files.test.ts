/** Contexts of very many files: each costs disk and time, and no memory. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTar } from "../../src/archive/tar-reader.ts";
import { TestDaemon } from "../harness/daemon.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  daemon = await TestDaemon.start();
  folder = mkdtempSync(join(tmpdir(), "longshore-many-"));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** What sixteen thousand more files may take: as objects they would take half as much again. MB. */
const limit = 45;

const inFolder = 500;
const pathOf = (at: number) => `folder ${Math.floor(at / inFolder)}/with a long name ${at}`;

function contextOf(count: number): string {
  const path = join(folder, `of ${count}`);
  for (let at = 0; at < count; at++) {
    if (at % inFolder === 0) mkdirSync(join(path, pathOf(at), ".."), { recursive: true });
    writeFileSync(join(path, pathOf(at)), String(at));
  }
  writeFileSync(join(path, "Dockerfile"), "FROM scratch\nCOPY . /all/\n");
  return path;
}

/** Builds; returns what it says, and the most memory that the daemon had, in MB. */
async function build(path: string): Promise<{ said: string; peak: number }> {
  daemon.peak();
  const { stderr, code } = await daemon.docker("build", "--progress", "plain", "-t", "many", path);
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  return { said: stderr, peak: daemon.peak() };
}

/** The files of the image, with the text of each. */
async function files(): Promise<Map<string, string>> {
  const id = await daemon.must("create", "many", "/none");
  const archive = join(folder, "image.tar");
  await daemon.must("export", "-o", archive, id);
  await daemon.must("rm", id);
  const found = new Map<string, string>();
  for await (const { entry, content } of readTar(Bun.file(archive).stream())) {
    if (entry.type !== "file" || !entry.name.startsWith("all/folder")) continue;
    let text = "";
    for await (const piece of content) text += Buffer.from(piece).toString();
    found.set(entry.name.slice("all/".length), text);
  }
  return found;
}

test("a context of five times as many files takes as much memory, and is what it should be", async () => {
  const small = contextOf(4000);
  await build(small);
  const few = await build(small);
  const path = contextOf(20_000);
  const first = await build(path);
  const again = await build(path);
  expect(again.said).toMatch(/#\d+ CACHED/);

  writeFileSync(join(path, pathOf(4321)), "changed");
  rmSync(join(path, pathOf(1000), ".."), { recursive: true });
  rmSync(join(path, pathOf(19_999)));
  writeFileSync(join(path, "folder 0/a new one"), "new");
  const changed = await build(path);
  const most = Math.max(first.peak, again.peak, changed.peak);
  expect(most - few.peak).toBeLessThan(limit);
  const expected = new Map(Array.from({ length: 19_999 }, (_, at) => [pathOf(at), String(at)]));
  for (let at = 1000; at < 1000 + inFolder; at++) expected.delete(pathOf(at));
  expected.set(pathOf(4321), "changed").set("folder 0/a new one", "new");
  const found = await files();
  expect(found.size).toBe(expected.size);
  expect([...expected].filter(([name, text]) => found.get(name) !== text)).toEqual([]);
}, 300_000);
