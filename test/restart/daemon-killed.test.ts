import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, run, until } from "../harness/process.ts";
import { freePort } from "../harness/registry.ts";
import { TestTerminal } from "../harness/terminal.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());

/** Kills dockerd without warning, does something without it, and starts another one. */
async function reborn(meanwhile: () => Promise<unknown> = async () => {}): Promise<void> {
  await daemon.end("SIGKILL");
  await meanwhile();
  await daemon.launch();
}

const shell = (name: string, script: string, ...flags: string[]) =>
  daemon.must("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", script);

const remove = (...names: string[]) => daemon.must("rm", "-f", ...names);

const count = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done";

test("a container runs on, with its process, its output, its ports and its limits", async () => {
  const port = await freePort();
  await shell("counts", count, "-p", `127.0.0.1:${port}:80`);
  await shell(
    "web",
    "while :; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\nup' | nc -l -p 80 >/dev/null; done",
    "-p",
    `127.0.0.1:${await freePort()}:80`,
  );
  const fetched = async () => {
    const told = await daemon.must("port", "web", "80");
    return (await run(["curl", "-s", "-m", "2", `http://${told}/`])).stdout;
  };
  await until("the server answers", async () => (await fetched()) === "up");
  const facts =
    "{{.State.Pid}} {{.State.StartedAt}} {{.State.Status}} {{.NetworkSettings.Networks.bridge.IPAddress}}";
  const before = await daemon.inspect("counts", facts);
  const supervisor = daemon.supervisorPid;
  const lines = (await daemon.must("logs", "counts")).split("\n").length;
  await reborn(() => Bun.sleep(300));
  expect(await daemon.inspect("counts", facts)).toBe(before);
  expect(daemon.supervisorPid).toBe(supervisor);
  await until("the server answers again", async () => (await fetched()) === "up");
  const numbers = (await daemon.must("logs", "counts")).split("\n").map(Number);
  expect(numbers.length).toBeGreaterThan(lines + 5);
  expect(numbers).toEqual(numbers.map((_, i) => i));
  const taken = await daemon.docker("run", "--rm", "-p", `127.0.0.1:${port}:80`, "busybox", "true");
  expect(taken.stderr).toContain("port is already allocated");
  await daemon.must("stop", "-t", "0", "counts");
  expect(await daemon.inspect("counts", "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 137");
  await remove("counts", "web");
});

test("what ended in the meantime has its code, its last words and its time", async () => {
  await shell("ends", "echo first; sleep 0.3; echo last; echo complaint >&2; exit 7");
  await shell("removed", "sleep 0.3", "--rm");
  await reborn(() => Bun.sleep(800));
  expect(await daemon.inspect("ends", "{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}")).toBe(
    "exited 7 0",
  );
  expect(await daemon.docker("logs", "ends")).toMatchObject({
    stdout: "first\nlast\n",
    stderr: "complaint\n",
  });
  expect(await daemon.must("wait", "ends")).toBe("7");
  const [started = "", finished = ""] = (
    await daemon.inspect("ends", "{{.State.StartedAt}} {{.State.FinishedAt}}")
  ).split(" ");
  expect(Date.parse(finished) - Date.parse(started)).toBeLessThan(800);
  expect(await daemon.must("ps", "-aq", "--filter", "name=removed")).toBe("");
  await daemon.must("start", "-a", "ends").catch(() => {});
  expect((await daemon.must("logs", "ends")).split("\n")).toEqual(["first", "last", "first", "last"]);
  await remove("ends");
});

test("wait, attach, logs -f and exec work on a container of the last daemon", async () => {
  await shell("lives", "while read line; do echo got $line; [ $line = end ] && exit 5; done", "-i");
  await reborn();
  const follower = daemon.docker("logs", "-f", "lives");
  const waiter = daemon.docker("wait", "lives");
  expect(await daemon.must("exec", "lives", "echo", "inside")).toBe("inside");
  const attached = await daemon.feed("one\nend\n", "attach", "lives");
  expect({ code: attached.code, stdout: attached.stdout }).toEqual({ code: 5, stdout: "got one\ngot end\n" });
  expect((await waiter).stdout).toBe("5\n");
  expect((await follower).stdout).toBe("got one\ngot end\n");
  await remove("lives");
});

test("a terminal goes on: the shell is the same, and follows the size of the new client", async () => {
  const command = (...args: string[]) =>
    new TestTerminal([clients[0]?.[1] ?? "", ...args], { env: daemon.env, cols: 91, rows: 31 });
  await using first = command("run", "-it", "--name", "shell", "busybox", "sh");
  await first.shows("/ # ");
  await first.say("kept=alive", "/ # ");
  await reborn();
  await first.exited;
  await using second = command("attach", "shell");
  await second.say("echo $kept; stty size", /\r\nalive\r\n31 91\r\n/);
  second.type("exit 8\r");
  expect(await second.exited).toBe(8);
  await remove("shell");
});

test("a client that waits when the daemon dies hears of it, and its container runs on", async () => {
  const client = daemon.docker("run", "--name", "left", "busybox", "sh", "-c", "sleep 0.5; echo still here");
  await until("it runs", async () => (await daemon.docker("inspect", "left")).stdout.includes('"running"'));
  await reborn(async () => {
    expect((await client).code).toBe(125);
    await Bun.sleep(600);
  });
  expect(await daemon.must("logs", "left")).toBe("still here");
  await remove("left");
});

test("restart policies hold over the death of the daemon", async () => {
  await shell("always", "sleep 0.2; exit 1", "--restart", "always");
  await shell("unless", "sleep 60", "--restart", "unless-stopped");
  await shell("stopped", "sleep 60", "--restart", "unless-stopped");
  await shell("never", "sleep 0.2; exit 1");
  await daemon.must("stop", "-t", "0", "stopped");
  const pid = await daemon.inspect("unless", "{{.State.Pid}}");
  await reborn(() => Bun.sleep(600));
  await until("it was started again", async () => {
    const { stdout } = await daemon.docker(
      "ps",
      "--filter",
      "name=always",
      "--filter",
      "status=running",
      "-q",
    );
    return stdout !== "";
  });
  expect(await daemon.inspect("unless", "{{.State.Pid}}")).toBe(pid);
  expect(await daemon.inspect("stopped", "{{.State.Status}}")).toBe("exited");
  expect(await daemon.inspect("never", "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 1");
  await remove("always", "unless", "stopped", "never");
});

test("after a clean stop as well containers run on, and policies hold", async () => {
  await shell("counts", count);
  await shell("always", "sleep 0.1", "--restart", "always");
  await shell("stopped", "sleep 60", "--restart", "always");
  await daemon.must("stop", "-t", "0", "stopped");
  const pid = await daemon.inspect("counts", "{{.State.Pid}}");
  await daemon.end("SIGTERM");
  await Bun.sleep(200);
  await daemon.launch();
  expect(await daemon.inspect("counts", "{{.State.Pid}} {{.State.Status}}")).toBe(`${pid} running`);
  const numbers = (await daemon.must("logs", "counts")).split("\n").map(Number);
  expect(numbers).toEqual(numbers.map((_, i) => i));
  // As in Docker, `always` starts with the daemon even what was stopped by hand.
  await until("both run again", async () => {
    const running = await daemon.must("ps", "--format", "{{.Names}}");
    return running.includes("always") && running.includes("stopped");
  });
  await remove("counts", "always", "stopped");
});

test("a removal by force that is cut off anywhere is done or not begun, and its name can be had at once", async () => {
  for (const moment of [0, 5, 10, 20, 40]) {
    await shell("taken", "sleep 60", "-v", "/anonymous");
    const [id = "", volume = ""] = (
      await daemon.inspect("taken", "{{.Id}} {{(index .Mounts 0).Name}}")
    ).split(" ");
    const removal = daemon.docker("rm", "-f", "taken");
    await Bun.sleep(moment);
    await reborn(() => removal);
    // What was not asked for with -v stays.
    await daemon.must("volume", "inspect", volume);
    await daemon.docker("rm", "-f", id);
    await daemon.must("volume", "rm", volume);
  }
});

test("after a removal by force, name, port and volume are free", async () => {
  const port = await freePort();
  const volume = ["-v", "freed:/data"];
  for (let life = 0; life < 5; life++) {
    await shell("again", "sleep 60", "-p", `127.0.0.1:${port}:80`, ...volume);
    await remove("again");
    expect(await daemon.must("ps", "-aq", "--filter", "name=again")).toBe("");
    await daemon.must("volume", "rm", "freed");
  }
});
