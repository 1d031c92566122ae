import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { run, until } from "../harness/process.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());

const start = (name: string, policy: string, script: string) =>
  daemon.must("run", "-d", "--name", name, "--restart", policy, "busybox", "sh", "-c", script);
const state = (name: string) =>
  daemon.inspect(name, "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}");
const becomes = (name: string, wanted: string) =>
  until(`${name} is ${wanted}`, async () => (await state(name)) === wanted);

test("on-failure gives up after so many times, and a start by hand counts anew", async () => {
  await start("tries", "on-failure:2", "exit 5");
  await becomes("tries", "exited 5 2");
  await daemon.must("start", "tries");
  await becomes("tries", "exited 5 2");
  await start("content", "on-failure", "exit 0");
  await becomes("content", "exited 0 0");
  await daemon.must("rm", "tries", "content");
});

test("each pause is twice the one before", async () => {
  const since = (Date.now() / 1000).toFixed(3);
  await start("paces", "on-failure:4", "exit 1");
  await becomes("paces", "exited 1 4");
  const told = await daemon.must("events", "--since", since, "--until", (Date.now() / 1000).toFixed(3),
    "--filter", "event=die", "--filter", "event=start", "--format", "{{.TimeNano}}"); // biome-ignore format: one command
  // start, die, start, die, …
  const times = told.split("\n").map((text) => Number(BigInt(text) / 1_000_000n));
  const pauses = [1, 3, 5, 7].map((at) => (times[at + 1] ?? 0) - (times[at] ?? 0));
  for (const [at, least] of [100, 200, 400, 800].entries()) {
    expect(pauses[at]).toBeGreaterThanOrEqual(least - 2);
  }
  await daemon.must("rm", "paces");
});

test("stop, kill and rm -f end the waiting for a restart", async () => {
  for (const [name, ...end] of [
    ["one", "stop"],
    ["two", "kill"],
    ["three", "rm", "-f"],
  ] as const) {
    // biome-ignore format: a table
    await start(name, "always", "exit 1");
    await until("it waits", async () => /^restarting 1 [3-9]/.test(await state(name)));
    await daemon.must(...end, name);
    if (name === "three") {
      expect(await daemon.must("ps", "-aq", "--filter", "name=three")).toBe("");
      continue;
    }
    expect(await state(name)).toMatch(/^exited 1 /);
    await Bun.sleep(1000);
    expect(await state(name)).toMatch(/^exited 1 /);
    await daemon.must("rm", name);
  }
});

test("a restart by hand does not wait for the pause", async () => {
  await start("waits", "always", "exit 1");
  await until("it waits", async () => /^restarting 1 [4-9]/.test(await state("waits")));
  await daemon.must("restart", "waits");
  // Another life has begun, and is counted anew.
  expect(Number((await state("waits")).split(" ")[2])).toBeLessThan(3);
  await daemon.must("rm", "-f", "waits");
});

test("a changed policy holds from the next exit on", async () => {
  await start("changes", "no", "sleep 600");
  await daemon.must("update", "--restart", "always", "changes");
  const supervised = await daemon.inspect("changes", "{{.State.Pid}}");
  process.kill(Number(supervised), "SIGKILL");
  await until("it runs again", async () => (await state("changes")) === "running 0 1");
  await daemon.must("update", "--restart", "no", "changes");
  process.kill(Number(await daemon.inspect("changes", "{{.State.Pid}}")), "SIGKILL");
  await becomes("changes", "exited 137 1");
  await daemon.must("rm", "changes");
});

test("a start by the policy that fails is tried again", async () => {
  await start("owner", "no", "sleep 600");
  await daemon.must("run", "-d", "--name", "joins", "--network", "container:owner", "--restart", "always", "busybox", "sleep", "600"); // biome-ignore format: one command
  await daemon.must("stop", "-t", "0", "owner");
  process.kill(Number(await daemon.inspect("joins", "{{.State.Pid}}")), "SIGKILL");
  await until("it has failed", async () => /^restarting 128 [3-9]/.test(await state("joins")));
  expect(await daemon.inspect("joins", "{{.State.Error}}")).toContain("cannot join network namespace");
  await daemon.must("start", "owner");
  await until("it runs", async () => (await state("joins")).startsWith("running 0 "));
  await daemon.must("rm", "-f", "joins", "owner");
});

test("what should run runs again after everything was killed, as by a power failure", async () => {
  await start("always", "always", "sleep 600");
  await start("unless", "unless-stopped", "sleep 600");
  await start("stopped", "unless-stopped", "sleep 600");
  await start("never", "no", "sleep 600");
  await start("failed", "on-failure", "sleep 600");
  await daemon.must("run", "-d", "--name", "joins", "--network", "container:unless", "--restart", "always", "busybox", "sleep", "600"); // biome-ignore format: one command
  await daemon.must("stop", "-t", "0", "stopped");
  const names = ["always", "unless", "never", "failed", "joins"];
  const pids = await Promise.all(names.map((name) => daemon.inspect(name, "{{.State.Pid}}")));
  process.kill(daemon.supervisorPid, "SIGSTOP");
  const supervisor = daemon.supervisorPid;
  await daemon.end("SIGKILL");
  process.kill(supervisor, "SIGKILL");
  for (const pid of pids) process.kill(Number(pid), "SIGKILL");
  await daemon.launch();
  const running = async () =>
    (await daemon.must("ps", "--format", "{{.Names}}")).split("\n").sort().join(" ");
  await until("they run", async () => (await running()) === "always failed joins unless");
  expect((await state("never")).split(" ")[0]).toBe("exited");
  expect((await state("stopped")).split(" ")[0]).toBe("exited");
  await daemon.must("rm", "-f", "always", "unless", "stopped", "never", "failed", "joins");
});

test("nonsense is refused with Docker's words", async () => {
  const refused = async (...args: string[]) =>
    (await run([daemon.client, "create", ...args, "busybox"], { env: daemon.env })).stderr.trim();
  const head = "Error response from daemon: invalid restart policy:";
  expect(await refused("--restart", "foo")).toBe(
    `${head} unknown policy 'foo'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
  );
  expect(await refused("--restart", "always:3")).toBe(
    `${head} maximum retry count can only be used with 'on-failure'`,
  );
  expect(await refused("--restart", "on-failure:-1")).toBe(`${head} maximum retry count cannot be negative`);
  const id = await daemon.must("create", "--rm", "busybox");
  expect((await daemon.docker("update", "--restart", "always", id)).stderr.trim()).toBe(
    `Error response from daemon: Cannot update container ${id}: Restart policy cannot be updated because AutoRemove is enabled for the container`,
  );
  await daemon.must("rm", id);
});
