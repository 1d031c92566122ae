import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { closeSync, constants, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mount, mountFlags, unmount } from "../../src/linux/mount.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";

const hasFuse = existsSync("/dev/fuse");
if (!hasFuse) console.warn("skipped: /dev/fuse is not there");

/** A file system whose server never answers: whoever asks for a file of it waits until it is disposed of. */
class DeadMount implements Disposable {
  readonly path: string;
  readonly #server: number;
  #isThere = true;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path);
    this.#server = openSync("/dev/fuse", constants.O_RDWR);
    const options = `fd=${this.#server},rootmode=40000,user_id=0,group_id=0,allow_other`;
    mount("dead", path, "fuse", mountFlags.noSuid | mountFlags.noDev, options);
  }

  [Symbol.dispose](): void {
    if (!this.#isThere) return;
    this.#isThere = false;
    closeSync(this.#server);
    unmount(this.path, { detach: true });
  }
}

let daemon: TestDaemon;
let shared: string;
let dead: DeadMount;
beforeAll(async () => {
  if (!hasFuse) return;
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

// A mount for each test: who makes a file in a folder waits in the kernel for those who look into it, and the kernel
// lets nobody kill a process that waits so.
let mounts = 0;
beforeEach(() => {
  if (!hasFuse) return;
  shared = join(daemon.root, `shared${++mounts}`);
  mkdirSync(shared);
  dead = new DeadMount(join(shared, "dead"));
});
afterEach(() => dead?.[Symbol.dispose]());

/** The threads of a process that wait and cannot be killed: state `D` (proc_pid_stat(5)). */
const waiting = (pid: number) =>
  existsSync(`/proc/${pid}`)
    ? readdirSync(`/proc/${pid}/task`).filter((task) =>
        /^.*\) D/.test(readFileSync(`/proc/${pid}/task/${task}/stat`, "latin1")),
      )
    : [];

/** Whether a thread waits in the kernel, and goes on waiting: nobody can end it. */
async function isStuck(pid: number): Promise<boolean> {
  let tasks = waiting(pid);
  for (let look = 0; look < 10 && tasks.length > 0; look++) {
    await Bun.sleep(20);
    const now = waiting(pid);
    tasks = tasks.filter((task) => now.includes(task));
  }
  return tasks.length > 0;
}

const sleeps = ["busybox", "sleep", "600"];

/** Lists, lives of others, and a new daemon. */
async function othersLive(): Promise<void> {
  expect((await daemon.must("ps", "--format", "{{.Names}}")).split("\n")).toContain("other");
  expect(await daemon.inspect("other", "{{.State.Running}}")).toBe("true");
  expect(await daemon.must("exec", "other", "echo", "well")).toBe("well");
  expect(await daemon.must("run", "--rm", "busybox", "echo", "new")).toBe("new");
  // Below this folder is the dead mount, for which nobody asks.
  const bound = `${shared}:/shared`;
  expect(await daemon.must("run", "--rm", "-v", bound, "busybox", "echo", "bound")).toBe("bound");
}

test.skipIf(!hasFuse)(
  "a mount that does not answer keeps only those waiting who name it, and they are told",
  async () => {
    await daemon.must("run", "-d", "--name", "other", ...sleeps);
    await daemon.must("create", "--name", "bound", "-v", `${dead.path}/data:/data`, ...sleeps);
    await daemon.must(
      "volume",
      "create",
      "-o",
      "type=none",
      "-o",
      "o=bind",
      "-o",
      `device=${dead.path}`,
      "gone",
    );
    // The dead one comes along below a folder that answers.
    await daemon.must("run", "-d", "--name", "holds", "-v", `${shared}:/shared`, ...sleeps);
    const source = `type=bind,src=${dead.path}/data,dst=/data`;
    const requests = [
      daemon.docker("start", "bound"),
      daemon.docker("run", "--name", "mounted", "--mount", source, "busybox", "true"),
      daemon.docker("run", "--name", "volume", "-v", "gone:/data", "busybox", "true"),
      daemon.docker("cp", "holds:/shared/dead/file", join(daemon.root, "copy")),
      daemon.docker("cp", "/etc/hostname", "holds:/shared/dead/new"),
    ];
    await othersLive();
    for (const { code, stderr } of await Promise.all(requests)) {
      expect(stderr).toContain("does not answer");
      expect(code).not.toBe(0);
    }
    await daemon.must("rm", "-f", "bound", "volume");
    await daemon.must("volume", "rm", "gone");
    await daemon.must("rm", "-f", "other", "holds");
  },
  60_000,
);

test.skipIf(!hasFuse)(
  "a container whose processes wait for a dead mount can be listed, left to a new daemon, and removed",
  async () => {
    await daemon.must("run", "-d", "--name", "other", ...sleeps);
    const stuck = ["sh", "-c", "cat /shared/dead/file"];
    await daemon.must("run", "-d", "--name", "stuck", "-v", `${shared}:/shared`, "busybox", ...stuck);
    const execs = [
      daemon.docker("exec", "stuck", "ls", "/shared/dead"),
      daemon.docker("exec", "-w", "/shared/dead", "stuck", "true"),
    ];
    await othersLive();
    await daemon.end("SIGKILL");
    await daemon.launch();
    await othersLive();
    expect(await daemon.inspect("stuck", "{{.State.Status}}")).toBe("running");
    await daemon.must("rm", "-f", "stuck", "other");
    for (const { code } of await Promise.all(execs)) expect(code).not.toBe(0);
  },
  60_000,
);

test.skipIf(!hasFuse)(
  "a daemon that was killed and cannot end keeps the next one from nothing",
  async () => {
    await daemon.must("run", "-d", "--name", "other", ...sleeps);
    await daemon.must("run", "-d", "--name", "holds", "-v", `${shared}:/shared`, ...sleeps);
    // Who asks for a name that somebody asks for already waits for that one, and cannot be killed.
    const first = daemon.docker("exec", "holds", "ls", "/shared/dead/file");
    await until("the first asks", async () =>
      (await daemon.must("top", "holds")).includes("ls /shared/dead"),
    );
    const second = daemon.docker("cp", "holds:/shared/dead/file", join(daemon.root, "copy"));
    const killed = daemon.pid;
    await until("a thread of the daemon cannot be killed", () => isStuck(killed));
    process.kill(killed, "SIGKILL");
    await daemon.launch();
    expect(await isStuck(killed)).toBe(true);
    await othersLive();
    await daemon.must("rm", "-f", "holds", "other");
    expect((await first).code).not.toBe(0);
    // Who talks to the one that was killed is told when that can end.
    dead[Symbol.dispose]();
    expect((await second).code).not.toBe(0);
  },
  60_000,
);
