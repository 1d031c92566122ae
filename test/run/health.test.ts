import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, run, until } from "../harness/process.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());

const often = ["--health-interval", "50ms", "--health-retries", "2"];
const sleeps = ["busybox", "sleep", "600"];

interface Health {
  Status: string;
  FailingStreak: number;
  Log: { Start: string; End: string; ExitCode: number; Output: string }[];
}

async function health(name: string): Promise<Health> {
  return JSON.parse(await daemon.inspect(name, "{{json .State.Health}}"));
}

const becomes = (name: string, status: string) =>
  until(`${name} is ${status}`, async () => (await health(name)).Status === status);

const start = (name: string, command: string, ...flags: string[]) =>
  daemon.must("run", "-d", "--name", name, ...often, ...flags, "--health-cmd", command, ...sleeps);

/** The host's processes of a container whose command line has `text` in it. */
function processesWith(text: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return /^\d+$/.test(pid) && command.includes(text) && !command.includes("--health-cmd");
    } catch {
      return false; // it has ended
    }
  });
}

describe.each(clients)("with %s", (_name, client) => {
  const docker = async (...args: string[]) =>
    (await run([client, ...args], { env: daemon.env })).stdout.trim();

  test("a container is starting, healthy and unhealthy, and everybody can see it", async () => {
    const slowly = ["--health-start-period", "1m", "--health-start-interval", "100ms"];
    const command = ["--health-cmd", "test -f /tmp/well && echo fine"];
    await docker("run", "-d", "--name", "seen", ...often, ...slowly, ...command, ...sleeps);
    const status = () => docker("ps", "-a", "--format", "{{.Status}}", "--filter", "name=seen");
    const filtered = async () => {
      const found = [];
      for (const one of ["none", "starting", "healthy", "unhealthy"]) {
        if ((await docker("ps", "-aq", "--filter", `health=${one}`)) !== "") found.push(one);
      }
      return found;
    };
    expect(await status()).toMatch(/^Up .* \(health: starting\)$/);
    expect(await filtered()).toEqual(["starting"]);
    await until("a check has failed", async () => (await health("seen")).Log.length > 0);
    expect(await health("seen")).toMatchObject({ Status: "starting", FailingStreak: 0 });
    await docker("exec", "seen", "touch", "/tmp/well");
    await becomes("seen", "healthy");
    expect(await status()).toMatch(/^Up .* \(healthy\)$/);
    expect(await filtered()).toEqual(["healthy"]);
    expect((await health("seen")).Log.at(-1)).toMatchObject({ ExitCode: 0, Output: "fine\n" });
    await docker("exec", "seen", "rm", "/tmp/well");
    await becomes("seen", "unhealthy");
    expect(await status()).toMatch(/^Up .* \(unhealthy\)$/);
    const { FailingStreak, Log } = await health("seen");
    expect(FailingStreak).toBeGreaterThanOrEqual(2);
    expect(Log.length).toBeLessThanOrEqual(5);
    await docker("stop", "-t", "0", "seen");
    expect(await status()).toMatch(/^Exited \(137\)/);
    // As in Docker: nobody checks it any more.
    expect((await health("seen")).Status).toBe("unhealthy");
    await docker("start", "seen");
    expect(await health("seen")).toMatchObject({ Status: "starting", FailingStreak: 0 });
    await docker("rm", "-f", "seen");
  });

  test("the image's check is taken, changed by flags, or switched off", async () => {
    await docker("create", "--name", "base", "busybox", "true");
    const change = "HEALTHCHECK --interval=60ms --retries=7 CMD test -d /";
    await docker("commit", "--change", change, "base", "checked");
    await docker("rm", "base");
    await docker("run", "-d", "--name", "own", "--health-retries", "3", "checked", "sleep", "600");
    await becomes("own", "healthy");
    expect(await daemon.inspect("own", "{{json .Config.Healthcheck}}")).toBe(
      '{"Test":["CMD-SHELL","test -d /"],"Interval":60000000,"Retries":3}',
    );
    await docker("run", "-d", "--name", "none", "--no-healthcheck", "checked", "sleep", "600");
    expect(await daemon.inspect("none", "{{json .State.Health}} {{json .Config.Healthcheck}}")).toBe(
      // As in Docker, the image's times stay beside it.
      'null {"Test":["NONE"],"Interval":60000000,"Retries":7}',
    );
    expect(await docker("ps", "--filter", "health=none", "--format", "{{.Names}}")).toBe("none");
    await docker("rm", "-f", "own", "none");
    await docker("rmi", "checked");
  });
});

test("changes are told as events, with the execs that found them out", async () => {
  const since = (Date.now() / 1000).toFixed(3);
  await start("told", "test ! -e /tmp/ill");
  await becomes("told", "healthy");
  await daemon.must("exec", "told", "touch", "/tmp/ill");
  await becomes("told", "unhealthy");
  await daemon.must("rm", "-f", "told");
  const ask = async (...args: string[]) => {
    const until = (Date.now() / 1000).toFixed(3);
    return (await daemon.must("events", "--since", since, "--until", until, ...args)).split("\n");
  };
  const format = ["--format", "{{.Action}}"];
  expect(await ask("--filter", "event=health_status", ...format)).toEqual([
    "health_status: healthy",
    "health_status: unhealthy",
  ]);
  expect(await ask("--filter", "event=health_status: healthy", ...format)).toEqual([
    "health_status: healthy",
  ]);
  const all = await ask("--filter", "container=told", ...format);
  const at = all.indexOf("exec_create: /bin/sh -c test ! -e /tmp/ill");
  expect(all.slice(at, at + 4)).toEqual([
    "exec_create: /bin/sh -c test ! -e /tmp/ill",
    "exec_start: /bin/sh -c test ! -e /tmp/ill",
    "exec_die",
    "health_status: healthy",
  ]);
});

test("what a check prints is cut, and five results are kept", async () => {
  await start("talks", "yes | head -c 5000; echo complaint >&2; exit 3");
  await until("five checks", async () => (await health("talks")).Log.length === 5);
  for (const { ExitCode, Output } of (await health("talks")).Log) {
    expect([ExitCode, Output.length, Output.slice(-5)]).toEqual([3, 4099, "y\n..."]);
  }
  await daemon.must("rm", "-f", "talks");
});

test("a check that takes too long has failed, and is ended with all that it has started", async () => {
  await start("slow", "echo begun; sleep 123454321; echo never", "--health-timeout", "300ms");
  await becomes("slow", "unhealthy");
  expect((await health("slow")).Log.at(-1)).toMatchObject({
    ExitCode: -1,
    Output: "Health check exceeded timeout (300ms): begun\n",
  });
  await daemon.must("pause", "slow");
  await daemon.must("unpause", "slow");
  expect(processesWith("123454321").length).toBeLessThanOrEqual(1);
  await daemon.must("rm", "-f", "slow");
  await until("nothing of it is left", () => processesWith("123454321").length === 0);
});

test("a check that cannot be run has failed", async () => {
  await daemon.must(
    "run",
    "-d",
    "--name",
    "lost",
    ...often,
    "--health-cmd",
    "true",
    "-u",
    "nobody",
    ...sleeps,
  );
  await becomes("lost", "healthy");
  await daemon.must("rm", "-f", "lost");
  const body = {
    Image: "busybox",
    Cmd: ["sleep", "600"],
    Healthcheck: { Test: ["CMD", "/no/such/check"], Interval: 50e6, Retries: 1 },
  };
  const sent = JSON.stringify(body);
  const url = "http://x/v1.47/containers/create?name=lost";
  const headers = ["-H", "Content-Type: application/json"];
  await run(["curl", "-s", "--unix-socket", daemon.socket, ...headers, "-d", sent, url]);
  await daemon.must("start", "lost");
  await becomes("lost", "unhealthy");
  const { ExitCode, Output } = (await health("lost")).Log[0] ?? {};
  expect(ExitCode).not.toBe(0);
  expect(Output).toContain("/no/such/check");
  await daemon.must("rm", "-f", "lost");
});

test("health outlives the daemon, and goes on being checked", async () => {
  await start("lasting", "test ! -e /tmp/ill");
  await start("hanging", "test ! -e /tmp/ill || sleep 987656789");
  await becomes("lasting", "healthy");
  await becomes("hanging", "healthy");
  await daemon.must("exec", "hanging", "touch", "/tmp/ill");
  await until("a check hangs", () => processesWith("987656789").length > 0);
  await daemon.end("SIGKILL");
  await daemon.launch();
  expect((await health("lasting")).Status).toBe("healthy");
  expect((await health("lasting")).Log.length).toBeGreaterThan(0);
  await daemon.must("exec", "lasting", "touch", "/tmp/ill");
  await becomes("lasting", "unhealthy");
  // The check that hung is nobody's any more: it does not stay beside the next one.
  await until("only one check runs", () => processesWith("987656789").length <= 1);
  await daemon.must("rm", "-f", "lasting", "hanging");
});

describe("a container that becomes unhealthy", () => {
  const sick = (name: string, action: string, ...flags: string[]) =>
    start(name, "test ! -e /tmp/ill", "--health-on-failure", action, ...flags);
  const fallsIll = (name: string) => daemon.must("exec", name, "touch", "/tmp/ill");

  test("is stopped, and not restarted", async () => {
    await sick("ends", "stop", "--restart", "always", "--stop-timeout", "0");
    await fallsIll("ends");
    await until("it has ended", async () => (await daemon.inspect("ends", "{{.State.Status}}")) === "exited");
    expect(await daemon.inspect("ends", "{{.RestartCount}}")).toBe("0");
    await daemon.must("rm", "ends");
  });

  test("is killed, and its restart policy decides", async () => {
    await sick("dies", "kill");
    await sick("comes", "kill", "--restart", "on-failure:5");
    const started = await daemon.inspect("comes", "{{.State.StartedAt}}");
    await fallsIll("dies");
    await fallsIll("comes");
    await until("it has ended", async () => (await daemon.inspect("dies", "{{.State.ExitCode}}")) === "137");
    await until("it has been restarted", async () => {
      return (await daemon.inspect("comes", "{{.State.StartedAt}}")) !== started;
    });
    await daemon.must("rm", "-f", "dies", "comes");
  });

  test("is restarted again and again, with pauses between, whatever its policy is", async () => {
    await sick("again", "restart", "--rm", "--stop-timeout", "0");
    await fallsIll("again");
    // The file stays, so that it is ill from the beginning of each life.
    await until("it has had two more lives", async () => {
      return Number(await daemon.inspect("again", "{{.RestartCount}}")) >= 2;
    });
    await until("it runs", async () => (await daemon.inspect("again", "{{.State.Status}}")) === "running");
    await daemon.must("rm", "-f", "again");
  });

  test("is what was asked for, or refused", async () => {
    const { stderr, code } = await daemon.docker("create", "--health-on-failure", "explode", "busybox");
    expect([code, stderr]).toEqual([
      1,
      "Error response from daemon: invalid action on failed health checks 'explode'; use one of 'none', 'kill', 'restart', or 'stop'\n",
    ]);
  });
});
