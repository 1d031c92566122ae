import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { JsonFileLog } from "./json-file.ts";

import { type LogRecord, type ReadLogsOptions, readLogs } from "./reader.ts";
import { parseRotation } from "./rotation.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync("/tmp/longshore-log-");
  path = join(folder, "x-json.log");
});
afterEach(() => rmSync(folder, { recursive: true }));

function openLog(options: Record<string, string> = {}, attributes?: Record<string, string>): JsonFileLog {
  return new JsonFileLog({
    path,
    rotation: parseRotation(options),
    ...(attributes ? { attributes } : {}),
    clock: systemClock,
    onFailure: (error) => {
      throw error;
    },
  });
}

const records = () =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

async function read(options: Partial<ReadLogsOptions> = {}): Promise<LogRecord[]> {
  return (await Array.fromAsync(readLogs({ path, stdout: true, stderr: true, ...options }))).flat();
}
const texts = (records: LogRecord[]) => records.flatMap(({ text }) => text.match(/[^\n]*\n|[^\n]+$/g) ?? []);

test("a line is a record with stream and time, whatever bytes it holds", () => {
  const log = openLog({}, { owner: "$& me" });
  const line = 'back\\slash \\n "quoted" \u001b[1m <b> ünïcode \ufeff\u2028';
  log.write("stdout", Buffer.from(`${line}\nplain\n\n`));
  log.write("stderr", Buffer.from([0xff, 0x41, 10]));
  const all = records();
  expect(all.map(({ log, stream }) => [log, stream])).toEqual([
    [`${line}\n`, "stdout"],
    ["plain\n", "stdout"],
    ["\n", "stdout"],
    ["\ufffdA\n", "stderr"],
  ]);
  for (const record of all) {
    expect(record.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    expect(record.attrs).toEqual({ owner: "$& me" });
  }
});

test("a line waits for its end; what has none is logged without one when the stream ends", () => {
  const log = openLog();
  log.write("stdout", Buffer.from("one "));
  log.write("stderr", Buffer.from("other\n"));
  log.write("stdout", Buffer.from("line\nrest"));
  expect(records().map(({ log }) => log)).toEqual(["other\n", "one line\n"]);
  log.end("stdout");
  expect(records().at(-1).log).toBe("rest");
});

test("a line longer than 16 KiB comes in pieces of 16 KiB, in whatever portions it was read", () => {
  const line = `${"x".repeat(40_000)}\n`;
  const whole = openLog();
  whole.write("stdout", Buffer.from(`short\n${line}after\n`));
  for (const portion of Buffer.from(line)
    .toString()
    .match(/.{1,7001}|\n/gs) ?? []) {
    whole.write("stderr", Buffer.from(portion));
  }
  const lengths = (stream: string) =>
    records()
      .filter((record) => record.stream === stream)
      .map(({ log }) => log.length);
  expect(lengths("stdout")).toEqual([6, 16384, 16384, 7233, 6]);
  expect(lengths("stderr")).toEqual([16384, 16384, 7233]);
});

test("a long line is cut between characters", () => {
  const log = openLog();
  const line = `x${"ü€😀".repeat(4000)}`;
  log.write("stdout", Buffer.from(`${line}\n`));
  expect(
    records()
      .map((record) => record.log)
      .join(""),
  ).toBe(`${line}\n`);
});

test("files are set aside at the end of a line, and the oldest goes", async () => {
  const log = openLog({ "max-size": "1k", "max-file": "3" });
  for (let i = 0; i < 60; i++) log.write("stdout", Buffer.from(`line ${i}\n`));
  expect(existsSync(`${path}.2`)).toBe(true);
  expect(existsSync(`${path}.3`)).toBe(false);
  expect(statSync(`${path}.1`).size).toBeLessThan(1200);
  const kept = texts(await read());
  expect(kept.at(-1)).toBe("line 59\n");
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => `line ${60 - kept.length + i}\n`));
});

test("many lines that were read at once are spread over files too", async () => {
  const log = openLog({ "max-size": "2k", "max-file": "100" });
  const lines = Array.from({ length: 500 }, (_, i) => `line ${i}\n`);
  log.write("stdout", Buffer.from(lines.join("")));
  expect(statSync(path).size).toBeLessThan(2200);
  expect(texts(await read())).toEqual(lines);
});

test("compressed files are read like the others", async () => {
  const log = openLog({ "max-size": "1k", "max-file": "4", compress: "true" });
  for (let i = 0; i < 30; i++) log.write("stdout", Buffer.from(`line ${i}\n`));
  while (!existsSync(`${path}.1.gz`) && !existsSync(`${path}.2.gz`)) await Bun.sleep(5);
  const kept = texts(await read());
  expect(kept).toEqual(Array.from({ length: 30 }, (_, i) => `line ${i}\n`));
  expect(texts(await read({ tail: 29 }))).toEqual(kept.slice(1));
});

test("a writer that takes over from a killed one does not join its line to half a record", async () => {
  openLog().write("stdout", Buffer.from("first\n"));
  appendFileSync(path, '{"log":"hal');
  openLog().write("stdout", Buffer.from("second\n"));
  expect(texts(await read())).toEqual(["first\n", "second\n"]);
});

test("reading takes streams, times and the last lines into account", async () => {
  const log = openLog();
  log.write("stdout", Buffer.from("a\nb\n"));
  await Bun.sleep(2);
  const between = systemClock.nowNanos();
  await Bun.sleep(2);
  log.write("stderr", Buffer.from("c\n"));
  log.write("stdout", Buffer.from("d\n"));
  expect(texts(await read({ stderr: false }))).toEqual(["a\n", "b\n", "d\n"]);
  expect(texts(await read({ since: between }))).toEqual(["c\n", "d\n"]);
  expect(texts(await read({ until: between }))).toEqual(["a\n", "b\n"]);
  expect(texts(await read({ tail: 2 }))).toEqual(["c\n", "d\n"]);
  expect(texts(await read({ tail: 2, stderr: false }))).toEqual(["d\n"]);
  expect(texts(await read({ tail: 0 }))).toEqual([]);
  expect(texts(await read({ tail: 99 }))).toHaveLength(4);
});

test("lines that were written at once are read at once, apart from those of others", async () => {
  const log = openLog({}, { stream: '","stream":"stderr' });
  const lines = ["a\\\n", 'b","stream":"stdout\n', "\\n\n", "ü\n"];
  log.write("stdout", Buffer.from(lines.join("")));
  log.write("stderr", Buffer.from("between\n"));
  appendFileSync(path, '{"log":"cut off\n{}\nnot JSON\n');
  log.write("stdout", Buffer.from("x".repeat(40_000)));
  const all = await read();
  expect(all.map(({ stream }) => stream)).toEqual(["stdout", "stderr", "stdout", "stdout"]);
  expect(texts(all)).toEqual([...lines, "between\n", "x".repeat(16_384), "x".repeat(16_384)]);
});

test("what stands before an attached stream and what it begins with make up the whole", async () => {
  const log = openLog();
  log.write("stdout", Buffer.from("logged\npen"));
  const { position, pending } = log.snapshot();
  log.write("stdout", Buffer.from("ding\nlater\n"));
  expect(texts(await read({ end: position }))).toEqual(["logged\n"]);
  expect(Buffer.from(pending.stdout).toString()).toBe("pen");
});

test.each(["false", "true"])(
  "following sees each line once, through rotations, until the end was told (compressed: %s)",
  async (compress) => {
    const log = openLog({ "max-size": "8k", "max-file": "50", compress });
    const total = 3000;
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const seen = read({ follow: ended });
    for (let i = 0; i < total; i++) {
      log.write("stdout", Buffer.from(`${i}\n`));
      if (i % 100 === 0) await Bun.sleep(1);
    }
    end();
    expect(texts(await seen)).toEqual(Array.from({ length: total }, (_, i) => `${i}\n`));
  },
);

test("following begins before the first line, and ends when its reader leaves", async () => {
  const leave = new AbortController();
  let log: JsonFileLog | undefined;
  const lines: string[] = [];
  const following = (async () => {
    const follow = new Promise<void>(() => {});
    for await (const records of readLogs({
      path,
      stdout: true,
      stderr: true,
      follow,
      signal: leave.signal,
    })) {
      lines.push(...texts(records));
      log?.write("stdout", Buffer.from("second\n"));
      leave.abort();
    }
  })();
  await Bun.sleep(20);
  log = openLog();
  log.write("stdout", Buffer.from("first\n"));
  await following;
  expect(lines).toEqual(["first\n"]);
});

test.each([
  [{ "max-size": "0" }, "max-size must be a positive number"],
  [{ "max-size": "x" }, "invalid size: 'x'"],
  [{ "max-size": "10q" }, "invalid suffix: 'q'"],
  [{ "max-file": "0" }, "max-file cannot be less than 1"],
  [{ "max-file": "two" }, 'strconv.Atoi: parsing "two": invalid syntax'],
  [
    { "max-size": "1m", compress: "true" },
    "compress cannot be true when max-file is less than 2 or max-size is not set",
  ],
])("options %j are refused as Docker does it", (options: Record<string, string>, message: string) => {
  expect(() => parseRotation(options)).toThrow(message);
});

test("sizes are powers of 1000, and there is a limit where none is given", () => {
  expect(parseRotation({})).toEqual({ maxSize: 20_000_000, maxFile: 5, compress: false });
  expect(parseRotation({ "max-size": "1.5MB" })).toEqual({ maxSize: 1_500_000, maxFile: 1, compress: false });
  expect(parseRotation({ "max-size": "-1" }).maxSize).toBeUndefined();
});
