/** Contexts of very many files: each costs disk and time, and no memory. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

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
  const copy = mkdtempSync(join(folder, "copy-"));
  await daemon.must("cp", `${id}:/all`, copy);
  await daemon.must("rm", id);
  const { stdout } = await run(["grep", "-r", "", "."], { cwd: join(copy, "all") });
  const lines = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("./Dockerfile"));
  return new Map(lines.map((line) => [line.slice(2, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

test("a context of four times as many files takes as much memory, and is what it should be", async () => {
  const few = await build(contextOf(8000));
  const path = contextOf(32_000);
  const many = await build(path);
  expect(many.peak - few.peak).toBeLessThan(35);

  const again = await build(path);
  expect(again.said).toMatch(/#\d+ CACHED/);
  expect(again.peak - few.peak).toBeLessThan(35);

  writeFileSync(join(path, pathOf(4321)), "changed");
  rmSync(join(path, pathOf(1000), ".."), { recursive: true });
  rmSync(join(path, pathOf(31_999)));
  writeFileSync(join(path, "folder 0/a new one"), "new");
  const changed = await build(path);
  expect(changed.peak - few.peak).toBeLessThan(35);
  const expected = new Map(Array.from({ length: 31_999 }, (_, at) => [pathOf(at), String(at)]));
  for (let at = 1000; at < 1000 + inFolder; at++) expected.delete(pathOf(at));
  expected.set(pathOf(4321), "changed").set("folder 0/a new one", "new");
  const found = await files();
  expect(found.size).toBe(expected.size);
  expect([...expected].filter(([name, text]) => found.get(name) !== text)).toEqual([]);
});
