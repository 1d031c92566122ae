import { afterAll, beforeAll, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});

afterAll(() => daemon[Symbol.asyncDispose]());

/** Files of a process that belong to containers and to clients. */
function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return target.includes(daemon.root) || /^(socket|pipe|anon_inode:\[pidfd\])/.test(target)
        ? [target.replace(/\d+/g, "")]
        : [];
    } catch {
      // It has been closed meanwhile.
      return [];
    }
  });
}

test("runs and execs leave no file open in the daemon or the supervisor", async () => {
  await daemon.must("run", "-d", "--name", "host", "busybox", "sleep", "1000");
  const work = async () => {
    await daemon.must("run", "--rm", "busybox", "true");
    await daemon.must("exec", "host", "true");
    await daemon.must("exec", "host", "echo", "x");
    await daemon.must("exec", "-d", "host", "true");
    await daemon.docker("run", "--rm", "busybox", "nothing-of-this-name");
  };
  await work();
  const count = () => openFiles(daemon.pid).length + openFiles(daemon.supervisorPid).length;
  // The first run opens what stays: the supervisor's connection, the pool's sockets.
  await Bun.sleep(500);
  const before = count();
  for (let round = 0; round < 10; round++) await Promise.all([work(), work(), work(), work()]);
  await until("what was opened is closed", () => count() <= before);
});
