import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";
import kept from "./work.json";

/**
 * What an operation makes the daemon and its supervisor do, counted instead of timed: a machine that is busy does the
 * same work. `work.json` holds what it was when somebody last looked; more than a margin above that is a regression.
 * Where it has become less, the numbers in the file are to follow: `LONGSHORE_WORK=print` prints them.
 */
interface Work {
  /** Processes that they started, and programs that these have executed. */
  processes: number;
  programs: number;
  /** System calls of their own that change something, or open files. */
  calls: number;
  /** fsync(2) and fdatasync(2). */
  flushes: number;
  /** Kilobytes that they wrote to files. */
  kilobytes: number;
}

const counted =
  "openat,openat2,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,symlinkat,link,linkat,mount,umount2," +
  "fsopen,fsconfig,fsmount,move_mount,mount_setattr,open_tree,fsync,fdatasync,unshare,setns,socket,bind,connect";
const traced = `${counted},write,pwrite64,writev,clone,clone3,vfork,fork,execve`;
const counts = new Set(counted.split(","));

/** The smallest of so many measurements counts: others' doings can only add. */
const rounds = 3;
/** A little more is no regression: pools are filled, logs turned and rows compacted now and then. */
const allowed = (number: number) => Math.ceil(number * 1.15) + 2;

const context = () => join(daemon.root, "context");
const dockerfile = "FROM busybox\nWORKDIR /app\nCOPY . .\nRUN echo one > one\nRUN echo two > two\n";

let daemon: TestDaemon;
let reason: string | undefined;
beforeAll(async () => {
  reason = await whyNot();
  if (reason !== undefined) return console.warn(`skipped: ${reason}`);
  daemon = await TestDaemon.start({ images: ["busybox"] });
  for (let warm = 0; warm < 5; warm++) await daemon.must("run", "--rm", "busybox", "true");
  await daemon.must("run", "-d", "--name", "up", "busybox", "sleep", "600");
  await daemon.must("exec", "up", "true");
  mkdirSync(context());
  writeFileSync(join(context(), "Dockerfile"), dockerfile);
  for (let warm = 0; warm < 2; warm++) await daemon.must("build", "-q", "-t", "built", context());
}, 60_000);
afterAll(() => daemon?.[Symbol.asyncDispose]());

/** Why work cannot be counted here. */
async function whyNot(): Promise<string | undefined> {
  if (Bun.which("strace") === null) return "strace is not installed";
  const sleeper = Bun.spawn(["sleep", "60"]);
  const tracing = Bun.spawn(["timeout", "1", "strace", "-p", String(sleeper.pid)], { stderr: "pipe" });
  const said = await new Response(tracing.stderr).text();
  sleeper.kill();
  return said.includes("attached") ? undefined : `strace may not trace other processes here: ${said.trim()}`;
}

const tasksOf = (pid: number) => readdirSync(`/proc/${pid}/task`);

async function measure(args: readonly string[], at: number): Promise<Work> {
  const trace = join(daemon.root, `trace-${at}`);
  const pids = [daemon.pid, daemon.supervisorPid];
  const targets = pids.flatMap((pid) => ["-p", String(pid)]);
  const strace = Bun.spawn(
    ["strace", "-f", "-qq", "-y", "-s", "0", "-o", trace, "-e", `trace=${traced}`, ...targets],
    {
      stderr: "ignore",
    },
  );
  const isTraced = (pid: number) => !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  await until("they are traced", () => pids.every(isTraced));
  await daemon.must(...args);
  await quiet(trace);
  const own = new Set(pids.flatMap(tasksOf));
  strace.kill("SIGTERM");
  await strace.exited;
  return countWork(readFileSync(trace, "latin1"), own);
}

/** What follows the answer (tear-down, pools) belongs to the operation: until nothing more comes. */
async function quiet(path: string): Promise<void> {
  for (let [size, calm] = [-1, 0]; calm < 5; await Bun.sleep(100)) {
    const now = existsSync(path) ? statSync(path).size : 0;
    calm = now === size ? calm + 1 : 0;
    size = now;
  }
}

/** `own`: the threads of daemon and supervisor. Threads that have ended by now are few, and do not count. */
function countWork(text: string, own: ReadonlySet<string>): Work {
  const work: Work = { processes: 0, programs: 0, calls: 0, flushes: 0, kilobytes: 0 };
  for (const line of text.split("\n")) {
    const [, task = "", call = ""] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (call === "execve" && !line.includes("ENOENT")) work.programs++;
    if (!own.has(task)) continue;
    if (counts.has(call)) work.calls++;
    if (/sync$/.test(call)) work.flushes++;
    if (/^(clone3?|v?fork)$/.test(call) && !line.includes("CLONE_THREAD")) work.processes++;
    if (/write/.test(call) && /^\d+ +\w+\(\d+<\//.test(line)) work.kilobytes += written(line) / 1024;
  }
  return { ...work, kilobytes: Math.round(work.kilobytes) };
}

const written = (line: string) => Number(/= (\d+)$/.exec(line)?.[1] ?? 0);

const operations: [name: keyof typeof kept, args: () => string[]][] = [
  ["run", () => ["run", "--rm", "busybox", "true"]],
  ["create", () => ["create", "busybox"]],
  ["exec", () => ["exec", "up", "true"]],
  ["ps", () => ["ps"]],
  ["cached build", () => ["build", "-q", "-t", "built", context()]],
];

test.each(operations)(
  "%s makes no more work than it did",
  async (name, args) => {
    if (reason !== undefined) return;
    const measured: Work[] = [];
    for (let round = 0; round < rounds; round++) measured.push(await measure(args(), round));
    const least = (field: keyof Work) => Math.min(...measured.map((work) => work[field]));
    const fields = Object.keys(kept[name]) as (keyof Work)[];
    const found = Object.fromEntries(fields.map((field) => [field, least(field)]));
    if (process.env.LONGSHORE_WORK === "print") console.log(name, JSON.stringify(found));
    // What is to survive a power failure waits for the disk.
    if (kept[name].flushes > 0) expect(least("flushes")).toBeGreaterThan(0);
    const more = fields.filter((field) => least(field) > allowed(kept[name][field]));
    expect(more.map((field) => `${name}: ${least(field)} ${field}, which were ${kept[name][field]}`)).toEqual(
      [],
    );
  },
  60_000,
);
