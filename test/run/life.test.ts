import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, until } from "../harness/process.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox", "hello-world"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());
afterEach(async () => {
  const ids = (await daemon.must("ps", "-aq")).split("\n").filter(Boolean);
  if (ids.length > 0) await daemon.must("rm", "-f", "-v", ...ids);
});

const state = (name: string) => daemon.inspect(name, "{{.State.Status}} {{.State.ExitCode}}");
const sleeper = ["busybox", "sleep", "60"];
/** Ends at once, and well, when it is asked to. */
const polite = ["busybox", "sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"];

const ready = (name: string) =>
  until(`${name} is ready`, async () => (await daemon.must("logs", name)).includes("ready"));

describe.each(clients)("%s", (_name, program) => {
  beforeAll(() => {
    daemon.client = program;
  });

  test("create, start -a, and start again: the same files, the logs go on", async () => {
    const script = "echo run >> /count; wc -l < /count; exit 3";
    await daemon.must("create", "--name", "again", "busybox", "sh", "-c", script);
    expect(await state("again")).toBe("created 0");
    const first = await daemon.docker("start", "-a", "again");
    expect({ code: first.code, stdout: first.stdout }).toEqual({ code: 3, stdout: "1\n" });
    expect(await state("again")).toBe("exited 3");
    const second = await daemon.docker("start", "-a", "again");
    expect({ code: second.code, stdout: second.stdout }).toEqual({ code: 3, stdout: "2\n" });
    expect(await daemon.must("logs", "again")).toBe("1\n2");
    expect(await daemon.must("wait", "again")).toBe("3");
  });

  test("stop asks first, and kills when the time is up", async () => {
    await daemon.must("run", "-d", "--name", "polite", ...polite);
    await ready("polite");
    expect(await daemon.must("stop", "polite")).toBe("polite");
    expect(await state("polite")).toBe("exited 5");
    await daemon.must("run", "-d", "--name", "deaf", ...sleeper);
    await daemon.must("stop", "-t", "0", "deaf");
    expect(await state("deaf")).toBe("exited 137");
    expect((await daemon.docker("stop", "deaf")).code).toBe(0);
    expect((await daemon.docker("stop", "nosuch")).stderr).toContain("No such container: nosuch");
  });

  test("kill sends what it is told to send", async () => {
    const script = "trap 'echo got it' USR1; echo ready; while :; do sleep 0.05; done";
    await daemon.must("run", "-d", "--name", "trap", "busybox", "sh", "-c", script);
    await ready("trap");
    await daemon.must("kill", "-s", "USR1", "trap");
    await until("it got it", async () => (await daemon.must("logs", "trap")).includes("got it"));
    expect(await state("trap")).toBe("running 0");
    await daemon.must("kill", "trap");
    expect(await state("trap")).toBe("exited 137");
    const { stderr, code } = await daemon.docker("kill", "trap");
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot kill container: trap: container [0-9a-f]{64} is not running/);
  });

  test("restart gives a new process and keeps the files", async () => {
    await daemon.must(
      "run",
      "-d",
      "--name",
      "anew",
      "busybox",
      "sh",
      "-c",
      "echo x >> /starts; exec sleep 60",
    );
    const before = await daemon.inspect("anew", "{{.State.Pid}}");
    await daemon.must("restart", "-t", "0", "anew");
    expect(await daemon.inspect("anew", "{{.State.Pid}}")).not.toBe(before);
    expect(await state("anew")).toBe("running 0");
    await daemon.must("stop", "-t", "0", "anew");
    await daemon.must("restart", "anew");
    expect(await state("anew")).toBe("running 0");
    await until("it started thrice", async () => {
      const { stdout } = await daemon.docker("exec", "anew", "cat", "/starts");
      return stdout === "x\nx\nx\n";
    });
  });

  test("a container with --rm outlives its restart, not its stop", async () => {
    await daemon.must("run", "-d", "--rm", "--name", "once", ...sleeper);
    await daemon.must("restart", "-t", "0", "once");
    expect(await state("once")).toBe("running 0");
    await daemon.must("stop", "-t", "0", "once");
    await until("it is gone", async () => (await daemon.must("ps", "-aq")) === "");
  });

  test("rename frees the old name and takes the new one", async () => {
    await daemon.must("create", "--name", "before", ...sleeper);
    await daemon.must("create", "--name", "taken", ...sleeper);
    await daemon.must("rename", "before", "after");
    expect(await daemon.inspect("after", "{{.Name}}")).toBe("/after");
    expect((await daemon.docker("inspect", "before")).code).toBe(1);
    const { stderr } = await daemon.docker("rename", "after", "taken");
    expect(stderr).toContain('Conflict. The container name "/taken" is already in use');
  });

  test("rm refuses what runs, -f does not ask, and an unknown name is an error", async () => {
    const id = await daemon.must("run", "-d", "--name", "busy", ...sleeper);
    const { code, stderr } = await daemon.docker("rm", "busy");
    expect(code).toBe(1);
    expect(stderr).toContain(
      'cannot remove container "/busy": container is running: stop the container before removing or force remove',
    );
    expect(await daemon.must("rm", "-f", id.slice(0, 10))).toBe(id.slice(0, 10));
    expect((await daemon.docker("rm", "busy")).stderr).toContain("No such container: busy");
    expect((await daemon.docker("rm", "-f", "busy")).code).toBe(0);
  });

  test("wait answers for several, as each one ends", async () => {
    await daemon.must("run", "-d", "--name", "one", "busybox", "sh", "-c", "sleep 0.2; exit 1");
    await daemon.must("run", "-d", "--name", "two", "busybox", "sh", "-c", "sleep 0.1; exit 2");
    expect(await daemon.must("wait", "one", "two")).toBe("1\n2");
  });

  test("ps shows what runs, -a all, and its filters choose", async () => {
    const one = await daemon.must("run", "-d", "--name", "alpha", "-l", "sea=north", ...sleeper);
    await daemon.docker("run", "--name", "beta", "-l", "sea=south", "busybox", "sh", "-c", "exit 7");
    await daemon.must("create", "--name", "gamma", "-v", "somewhere:/v", "hello-world");
    const names = async (...args: string[]) =>
      (await daemon.must("ps", "--format", "{{.Names}}", ...args)).split("\n").filter(Boolean);
    const filtered = (filter: string) => names("-a", "--filter", filter);
    expect(await names()).toEqual(["alpha"]);
    expect(await names("-a")).toEqual(["gamma", "beta", "alpha"]);
    expect(await names("-n", "1")).toEqual(["gamma"]);
    expect(await filtered("status=running")).toEqual(["alpha"]);
    expect(await filtered("status=created")).toEqual(["gamma"]);
    expect(await filtered("exited=7")).toEqual(["beta"]);
    expect(await filtered("label=sea")).toEqual(["beta", "alpha"]);
    expect(await filtered("label=sea=south")).toEqual(["beta"]);
    expect(await filtered("name=^alp")).toEqual(["alpha"]);
    expect(await filtered(`id=${one.slice(0, 8)}`)).toEqual(["alpha"]);
    expect(await filtered("ancestor=hello-world")).toEqual(["gamma"]);
    expect(await filtered("volume=somewhere")).toEqual(["gamma"]);
    expect(await filtered("since=alpha")).toEqual(["gamma", "beta"]);
    expect(await filtered("before=beta")).toEqual(["alpha"]);
    expect(await filtered("network=bridge")).toEqual(["gamma", "beta", "alpha"]);
    expect((await daemon.docker("ps", "--filter", "nonsense=1")).stderr).toContain(
      "invalid filter 'nonsense'",
    );
    const table = (await daemon.must("ps", "-a", "--filter", "name=beta")).split("\n");
    expect(table[0]).toMatch(/^CONTAINER ID {3}IMAGE {5}COMMAND {11,}CREATED +STATUS +PORTS {5}NAMES$/);
    expect(table[1]).toMatch(
      /^[0-9a-f]{12} {3}busybox {3}"sh -c 'exit 7'" {3}.* ago {3}Exited \(7\) .* ago +beta$/,
    );
    await daemon.must("rm", "gamma");
    await daemon.must("volume", "rm", "somewhere");
  });

  test("logs: both streams, tail, times, since, until, follow to the end", async () => {
    const script = "for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.2; done";
    await daemon.must("run", "-d", "--name", "talks", "busybox", "sh", "-c", script);
    const followed = await daemon.docker("logs", "-f", "talks");
    expect(followed.stdout).toBe("out 1\nout 2\nout 3\n");
    expect(followed.stderr).toBe("err 1\nerr 2\nerr 3\n");
    const tail = await daemon.docker("logs", "--tail", "3", "talks");
    expect((tail.stdout + tail.stderr).trim().split("\n").sort()).toEqual(["err 2", "err 3", "out 3"]);
    const timed = (await daemon.must("logs", "-t", "talks")).split("\n");
    for (const line of timed) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z out \d$/);
    const time = timed[1]?.split(" ")[0] ?? "";
    expect(await daemon.must("logs", "--since", time, "talks")).toBe("out 2\nout 3");
    expect(await daemon.must("logs", "--until", time, "talks")).toBe("out 1\nout 2");
  });

  test("inspect tells times, paths, process and configuration", async () => {
    const id = await daemon.must(
      "run",
      "-d",
      "--name",
      "seen",
      "-e",
      "A=1",
      "--restart",
      "on-failure:3",
      ...sleeper,
    );
    const [told] = JSON.parse(await daemon.must("inspect", "seen"));
    expect(told).toMatchObject({
      Id: id,
      Name: "/seen",
      Path: "sleep",
      Args: ["60"],
      RestartCount: 0,
      Platform: "linux",
      State: { Status: "running", Running: true, Paused: false, Dead: false, ExitCode: 0, Error: "" },
      HostConfig: { NetworkMode: "bridge", RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } },
      Config: { Image: "busybox", Cmd: ["sleep", "60"], Hostname: id.slice(0, 12) },
    });
    expect(told.Config.Env).toContain("A=1");
    expect(told.LogPath).toEndWith(`${id}-json.log`);
    expect(Date.parse(told.State.StartedAt)).toBeGreaterThanOrEqual(Date.parse(told.Created));
    const network = told.NetworkSettings.Networks.bridge;
    expect(network.IPAddress).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect(network.MacAddress).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
  });

  test("events tell a whole life, in order", async () => {
    const since = (Date.now() / 1000).toFixed(3);
    const id = await daemon.must("run", "-d", "--name", "lived", "-l", "a=b", ...sleeper);
    await daemon.must("stop", "-t", "0", "lived");
    await daemon.must("rm", "lived");
    const events = ["events", "--since", since, "--until", String(Date.now() / 1000 + 0.5)];
    const filters = ["--filter", "container=lived", "--format", "{{.Action}}"];
    const seen = (await daemon.must(...events, ...filters)).split("\n");
    expect(seen).toEqual(["create", "start", "kill", "kill", "die", "stop", "destroy"]);
    const die = JSON.parse(await daemon.must(...events, "--filter", "event=die", "--format", "json"));
    expect(die).toMatchObject({
      Type: "container",
      Action: "die",
      Actor: { ID: id, Attributes: { name: "lived", image: "busybox", exitCode: "137", a: "b" } },
    });
  });

  test("a restart policy brings a container back, as often as it says; stop ends that", async () => {
    await daemon.must(
      "run",
      "-d",
      "--name",
      "twice",
      "--restart",
      "on-failure:2",
      "busybox",
      "sh",
      "-c",
      "exit 4",
    );
    await until("it gave up", async () => (await state("twice")) === "exited 4");
    expect(await daemon.inspect("twice", "{{.RestartCount}}")).toBe("2");
    await daemon.must(
      "run",
      "-d",
      "--name",
      "always",
      "--restart",
      "always",
      "busybox",
      "sh",
      "-c",
      "exit 6",
    );
    await until("it waits for its restart", async () => (await state("always")) === "restarting 6");
    await daemon.must("stop", "always");
    expect(await state("always")).toBe("exited 6");
    await Bun.sleep(300);
    expect(await state("always")).toBe("exited 6");
  });

  test("several containers at a time, all with their own output and code", async () => {
    const runs = Array.from({ length: 6 }, (_, i) =>
      daemon.docker("run", "--rm", "busybox", "sh", "-c", `echo ${i}; exit ${i}`),
    );
    const finished = await Promise.all(runs);
    expect(finished.map(({ stdout, code }) => [stdout, code])).toEqual(finished.map((_, i) => [`${i}\n`, i]));
  });
});
