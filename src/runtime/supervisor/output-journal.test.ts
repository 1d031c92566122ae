import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogStream } from "../logs/log-driver.ts";
import { journalFiles, notedPosition, OutputJournal } from "./output-journal.ts";

let folder: string;
let pipes: Record<LogStream, number>;
let failures: unknown[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "journal-"));
  failures = [];
  pipes = { stdout: fifo("stdout"), stderr: fifo("stderr") };
});
afterEach(() => {
  for (const fd of Object.values(pipes)) closeSync(fd);
  rmSync(folder, { recursive: true });
});

/** A pipe of which both ends are this descriptor. */
function fifo(name: string): number {
  const path = join(folder, `${name}.fifo`);
  Bun.spawnSync(["mkfifo", path]);
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
}

/** Of a log that has what was read of whole lines. */
const open = (path: string) =>
  new OutputJournal(path, {
    progress: () => ({ position: { inode: 1, offset: 2 }, pending: { stdout: 0, stderr: 0 } }),
    onFailure: (error) => failures.push(error),
  });

function pass(journal: OutputJournal, stream: LogStream, text: string): string {
  writeSync(pipes[stream], text);
  const buffer = Buffer.alloc(1024);
  const count = journal.read(stream, pipes[stream], buffer) ?? 0;
  journal.logged(stream);
  return buffer.toString("utf8", 0, count);
}

test("what was read and not logged is there for the next one", () => {
  const path = join(folder, "kept");
  const journal = open(path);
  expect(pass(journal, "stdout", "logged\n")).toBe("logged\n");
  writeSync(pipes.stdout, "read\n");
  journal.read("stdout", pipes.stdout, Buffer.alloc(1024));
  journal.close();
  const next = open(path);
  expect(next.hasLeftovers).toBe(true);
  expect(pass(next, "stdout", "new\n")).toBe("read\n");
  expect(pass(next, "stdout", "newer\n")).toBe("new\nnewer\n");
  next.close();
  expect(failures).toEqual([]);
});

test("a journal that cannot be made is told of once, and no output is lost for it", () => {
  const journal = open(join(folder, "nosuch", "journal"));
  expect(pass(journal, "stdout", "one\n")).toBe("one\n");
  expect(pass(journal, "stderr", "two\n")).toBe("two\n");
  expect(failures).toEqual([expect.objectContaining({ code: "ENOENT" })]);
});

test("one that breaks later leaves no note, by which the next one would take new lines for old ones", () => {
  const path = join(folder, "breaks");
  const journal = open(path);
  expect(pass(journal, "stderr", "one\n")).toBe("one\n");
  expect(notedPosition(path)).toEqual({ inode: 1, offset: 2 });
  symlinkSync("breaks.stdout.0", `${path}.stdout.0`);
  expect(pass(journal, "stdout", "two\n")).toBe("two\n");
  expect(pass(journal, "stderr", "three\n")).toBe("three\n");
  expect(failures).toEqual([expect.objectContaining({ code: "ELOOP" })]);
  expect(journalFiles(path).filter((file) => existsSync(file))).toEqual([]);
  expect(notedPosition(path)).toBeUndefined();
  journal.close();
});
