import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dist } from "../harness/process.ts";

const docker = join(dist, "docker");
const shell = (script: string) => spawnSync("bash", ["-c", script, docker], { encoding: "utf8" });
const version = shell("$0 --version").stdout;
const help = shell("$0 run --help").stdout;

test("what is said comes in order, to pipes and to files, whatever its length", () => {
  expect(version).toMatch(/^Docker version .+\n$/);
  // More than is written at once.
  expect(help.length).toBeGreaterThan(4096);
  const folder = mkdtempSync(join(tmpdir(), "longshore-output-"));
  const file = join(folder, "file");
  try {
    const { status } = shell(
      `{ echo first; $0 --version; $0 run --help; $0 --version; echo last; } > ${file}; $0 --version >> ${file}`,
    );
    expect(status).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(`first\n${version}${help}${version}last\n${version}`);
    const { status: failed } = shell(`$0 nonsense 2> ${file}`);
    expect(failed).toBe(1);
    expect(readFileSync(file, "utf8")).toStartWith("docker: unknown command: docker nonsense\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each(["--version", "run --help"])("a reader that has gone ends it quietly: %s", (command) => {
  const { stdout, stderr } = shell(`{ sleep 0.2; $0 ${command}; echo $? >&2; } | true`);
  expect([stdout, stderr]).toEqual(["", "141\n"]);
});

test.each(["--version", "run --help"])("a full disk is told: %s", (command) => {
  const { status, stderr } = shell(`$0 ${command} > /dev/full`);
  expect(stderr).toContain("no space left on device");
  expect(status).toBe(1);
});

test.each([
  ["--version", () => version],
  ["run --help", () => help],
] as const)("a descriptor that does not block is waited for: %s", async (command, expected) => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-output-"));
  const fifo = join(folder, "fifo");
  shell(`mkfifo ${fifo}`);
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const filled = fill(fd);
    const child = Bun.spawn([docker, ...command.split(" ")], { stdout: fd });
    await Bun.sleep(300);
    expect(child.exitCode).toBeNull();
    const text = await drain(fd, filled + expected().length);
    expect(text.slice(filled)).toBe(expected());
    expect(await child.exited).toBe(0);
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
});

/** Writes until nothing more goes in; returns the number of bytes. */
function fill(fd: number): number {
  const piece = Buffer.alloc(512, ".");
  for (let bytes = 0; ; ) {
    try {
      bytes += writeSync(fd, piece);
    } catch {
      return bytes;
    }
  }
}

async function drain(fd: number, length: number): Promise<string> {
  const buffer = Buffer.alloc(65_536);
  let text = "";
  while (text.length < length) {
    try {
      text += buffer.toString("latin1", 0, readSync(fd, buffer));
    } catch {
      await Bun.sleep(5);
    }
  }
  return text;
}
