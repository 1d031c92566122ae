import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, until } from "../harness/process.ts";
import { TestTerminal } from "../harness/terminal.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());
afterEach(async () => {
  const ids = (await daemon.must("ps", "-aq")).split("\n").filter(Boolean);
  if (ids.length > 0) await daemon.must("rm", "-f", ...ids);
});

const shell = (name: string, script: string, ...flags: string[]) =>
  daemon.must("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", script);

const state = (name: string) => daemon.inspect(name, "{{.State.Status}} {{.State.ExitCode}}");

async function killSupervisor(): Promise<void> {
  const old = daemon.supervisorPid;
  process.kill(old, "SIGKILL");
  await until("another supervisor is there", () => {
    try {
      return daemon.supervisorPid !== old;
    } catch {
      return false; // none, or the old one as well
    }
  });
}

test("containers run on under the next supervisor, with their output and their codes", async () => {
  await shell("counts", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done");
  await shell("ends", "sleep 0.4; echo last; exit 6");
  await shell("reads", "read line; echo got $line; exit 4", "-i");
  const pid = await daemon.inspect("counts", "{{.State.Pid}}");
  const waiter = daemon.docker("wait", "ends");
  await killSupervisor();
  expect(await daemon.inspect("counts", "{{.State.Pid}} {{.State.Status}}")).toBe(`${pid} running`);
  expect((await waiter).stdout).toBe("6\n");
  expect(await daemon.must("logs", "ends")).toBe("last");
  const { stdout, code } = await daemon.feed("line\n", "attach", "reads");
  expect({ stdout, code }).toEqual({ stdout: "got line\n", code: 4 });
  expect(await daemon.must("exec", "counts", "echo", "inside")).toBe("inside");
  const numbers = (await daemon.must("logs", "counts")).split("\n").map(Number);
  expect(numbers).toEqual(numbers.map((_, at) => at));
  await daemon.must("stop", "-t", "0", "counts");
  expect(await state("counts")).toBe("exited 137");
});

test("a terminal goes on under the next supervisor", async () => {
  const command = (...args: string[]) =>
    new TestTerminal([clients[0]?.[1] ?? "", ...args], { env: daemon.env });
  await using first = command("run", "-it", "--name", "shell", "busybox", "sh");
  await first.shows("/ # ");
  await first.say("kept=alive", "/ # ");
  await killSupervisor();
  await using second = command("attach", "shell");
  await second.say("echo $kept", "\r\nalive\r\n");
  second.type("exit 8\r");
  expect(await second.exited).toBe(8);
});

test("new containers start at once after the supervisor's death", async () => {
  process.kill(daemon.supervisorPid, "SIGKILL");
  const { stdout, code } = await daemon.docker("run", "--rm", "busybox", "sh", "-c", "echo well; exit 3");
  expect({ stdout, code }).toEqual({ stdout: "well\n", code: 3 });
});

test("both die: containers run on, and what ended unseen is not said to have ended well", async () => {
  await shell("lives", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done");
  await shell("ends", "sleep 0.3; exit 9");
  await shell("removed", "sleep 0.3", "--rm");
  const pid = await daemon.inspect("lives", "{{.State.Pid}}");
  const supervisor = daemon.supervisorPid;
  await daemon.end("SIGKILL");
  process.kill(supervisor, "SIGKILL");
  await Bun.sleep(500);
  await daemon.launch();
  expect(await daemon.inspect("lives", "{{.State.Pid}} {{.State.Status}}")).toBe(`${pid} running`);
  // Where the host's init has not reaped it yet, its code can still be read.
  expect(await state("ends")).toMatch(/^exited (255|9)$/);
  expect(await daemon.must("ps", "-aq", "--filter", "name=removed")).toBe("");
  const before = (await daemon.must("logs", "lives")).split("\n").length;
  await until(
    "its output goes on",
    async () => (await daemon.must("logs", "lives")).split("\n").length > before,
  );
  await daemon.must("stop", "-t", "0", "lives");
  expect(await state("lives")).toBe("exited 137");
});
