import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { cgroupsNamed } from "../harness/leftovers.ts";
import { run, until } from "../harness/process.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());

const sleeps = ["busybox", "sleep", "600"];

/** What must work while one container is stuck: lists, others' lives, and a new daemon. */
async function othersLive(stuck: string): Promise<void> {
  const works = async () => {
    expect((await daemon.must("ps", "--format", "{{.Names}}")).split("\n")).toContain(stuck);
    expect(await daemon.inspect("other", "{{.State.Running}}")).toBe("true");
    expect(await daemon.inspect(stuck, "{{.State.Running}}")).toBe("true");
    expect(await daemon.must("exec", "other", "echo", "well")).toBe("well");
    expect(await daemon.must("run", "--rm", "busybox", "echo", "new")).toBe("new");
  };
  await works();
  await daemon.end("SIGKILL");
  await daemon.launch();
  await works();
  process.kill(daemon.supervisorPid, "SIGKILL");
  await works();
}

/** Freezes a container as somebody would who does not ask the daemon. */
function freeze(id: string): void {
  const groups = cgroupsNamed(join(daemon.cgroupParent, id));
  const frozen = groups.filter((group) =>
    [
      ["freezer.state", "FROZEN"],
      ["cgroup.freeze", "1"],
    ].some(([file = "", value = ""]) => {
      try {
        writeFileSync(join(group, file), value, { flag: "r+" });
        return true;
      } catch {
        return false; // not the freezer's hierarchy
      }
    }),
  );
  expect(frozen.length).toBeGreaterThan(0);
}

test("a container that was frozen by somebody else keeps nobody waiting, and can be removed", async () => {
  await daemon.must("run", "-d", "--name", "other", ...sleeps);
  const id = await daemon.must("run", "-d", "--name", "frozen", ...sleeps);
  freeze(id);
  const waiting = daemon.docker("exec", "frozen", "true");
  await othersLive("frozen");
  // The new daemon has seen what it is.
  expect(await daemon.inspect("frozen", "{{.State.Status}}")).toBe("paused");
  await daemon.must("rm", "-f", "frozen");
  await waiting;
  const again = await daemon.must("run", "-d", "--name", "again", ...sleeps);
  freeze(again);
  await daemon.must("stop", "-t", "0", "again");
  await daemon.must("rm", "-f", "again", "other");
}, 60_000);

test("a client that feeds a process that does not read holds up nobody", async () => {
  await daemon.must("run", "-d", "--name", "other", ...sleeps);
  await daemon.must("run", "-d", "-i", "--name", "full", ...sleeps);
  const feeding = daemon.feed("x".repeat(4 * 1024 * 1024), "attach", "full");
  await Bun.sleep(200);
  await othersLive("full");
  await daemon.must("rm", "-f", "full", "other");
  await feeding;
}, 60_000);

/** A file system whose writers can be made to wait in the kernel, where no signal reaches them. */
async function mountFreezable(root: string): Promise<string | undefined> {
  const [image, folder] = [join(root, "disk.img"), join(root, "disk")];
  mkdirSync(folder);
  const commands = [
    ["truncate", "-s", "16M", image],
    ["mkfs.ext4", "-q", "-F", image],
    ["mount", "-o", "loop", image, folder],
  ];
  for (const command of commands) {
    if (Bun.which(command[0] ?? "") === null || (await run(command)).code !== 0) return undefined;
  }
  return folder;
}

test("a process that is stuck in the kernel delays neither lists nor the daemon, and rm -f says so", async () => {
  const folder = await mountFreezable(daemon.root);
  if (folder === undefined || Bun.which("fsfreeze") === null) {
    console.log("skipped: mkfs.ext4, loop devices or fsfreeze are not there");
    return;
  }
  await daemon.must("run", "-d", "--name", "other", ...sleeps);
  const writes = "while :; do echo x > /data/file; done";
  await daemon.must("run", "-d", "--name", "stuck", "-v", `${folder}:/data`, "busybox", "sh", "-c", writes);
  await run(["fsfreeze", "-f", folder]);
  try {
    const pid = await daemon.inspect("stuck", "{{.State.Pid}}");
    await until("it is stuck", async () => (await Bun.file(`/proc/${pid}/stat`).text()).includes(") D "));
    await othersLive("stuck");
    const removal = daemon.docker("rm", "-f", "stuck");
    const stop = daemon.docker("stop", "-t", "0", "stuck");
    await othersLive2();
    const told = "tried to kill container, but did not receive an exit event";
    expect((await removal).stderr).toContain(`cannot remove container "/stuck": could not kill: ${told}`);
    expect((await stop).stderr).toContain(told);
    expect(await daemon.inspect("stuck", "{{.State.Running}}")).toBe("true");
  } finally {
    await run(["fsfreeze", "-u", folder]);
  }
  // It had been killed already.
  await until("it has ended", async () => (await daemon.inspect("stuck", "{{.State.Status}}")) === "exited");
  await daemon.must("rm", "-f", "stuck", "other");
  await run(["umount", folder]);
}, 90_000);

/** While removals wait. */
async function othersLive2(): Promise<void> {
  expect(await daemon.must("run", "--rm", "busybox", "echo", "new")).toBe("new");
  expect(await daemon.inspect("stuck", "{{.State.Running}}")).toBe("true");
}
