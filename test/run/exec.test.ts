import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, until } from "../harness/process.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  await daemon.must("run", "-d", "--name=it", "-e", "A=container", "busybox", "sleep", "3600");
});
afterAll(() => daemon[Symbol.asyncDispose]());

const failed = "OCI runtime exec failed: exec failed: ";
const unable = `${failed}unable to start container process: `;

describe.each(clients)("%s", (_name, program) => {
  beforeAll(() => {
    daemon.client = program;
  });

  test("user, folder and variables are those of the command line, and the code is the process's", async () => {
    writeFileSync(join(daemon.root, "variables"), "# one a line\nB=file\nC=file\n");
    const flags = ["-u", "3:4", "-w", "/usr", "--env-file", join(daemon.root, "variables"), "-e", "C=flag"];
    const script = "id -u; id -g; pwd; echo $A $B $C; echo complaint >&2; exit 42";
    const { stdout, stderr, code } = await daemon.docker("exec", ...flags, "it", "sh", "-c", script);
    expect({ stdout, stderr, code }).toEqual({
      stdout: "3\n4\n/usr\ncontainer file flag\n",
      stderr: "complaint\n",
      code: 42,
    });
    expect((await daemon.docker("exec", "it", "sh", "-c", "kill -9 $$")).code).toBe(137);
  });

  test("what is sent comes to standard input, with its end", async () => {
    const { stdout, code } = await daemon.feed("one\ntwo\n", "exec", "-i", "it", "sh", "-c", "cat; exit 5");
    expect({ stdout, code }).toEqual({ stdout: "one\ntwo\n", code: 5 });
  });

  test("a detached one goes on by itself", async () => {
    expect(await daemon.must("exec", "-d", "it", "sh", "-c", "sleep 0.1; echo done > /done")).toBe("");
    await until("it has ended", async () => (await daemon.docker("exec", "it", "cat", "/done")).code === 0);
    await daemon.must("exec", "it", "rm", "/done");
  });

  test.each([
    [["it", "nosuch"], 127, `${unable}exec: "nosuch": executable file not found in $PATH: unknown`],
    [["it", "/no/such"], 127, `${unable}exec: "/no/such": stat /no/such: no such file or directory: unknown`],
    [["it", ""], 127, `${unable}exec: "": executable file not found in $PATH: unknown`],
    [["it", "/etc"], 126, `${unable}exec: "/etc": is a directory: unknown: permission denied`],
    [["it", "/etc/passwd"], 126, `${unable}exec: "/etc/passwd": permission denied: unknown`],
    [
      ["-w", "/no", "it", "true"],
      127,
      `${unable}chdir to cwd ("/no") set in config.json failed: no such file or directory: unknown`,
    ],
    [["-w", "no", "it", "true"], 128, `${failed}Cwd must be an absolute path: unknown`],
    [["-u", "who", "it", "true"], 126, "unable to find user who: no matching entries in passwd file"],
  ])("%j cannot be started: %d", async (args, code, message) => {
    const result = await daemon.docker("exec", ...args);
    expect(result.code).toBe(code);
    expect((result.stdout + result.stderr).trim()).toBe(message);
  });

  test.each([
    [["nosuch", "true"], "No such container: nosuch"],
    [["--detach-keys=ctrl-1", "it", "true"], "Invalid escape keys (ctrl-1) provided"],
  ])("%j is refused", async (args, message) => {
    const { stderr, code } = await daemon.docker("exec", ...args);
    expect({ stderr, code }).toEqual({ stderr: `Error response from daemon: ${message}\n`, code: 1 });
  });

  test("a container that is paused or has ended runs nothing", async () => {
    await daemon.must("run", "-d", "--name=other", "busybox", "sleep", "3600");
    const id = await daemon.inspect("other", "{{.Id}}");
    await daemon.must("pause", "other");
    const paused = await daemon.docker("exec", "other", "true");
    expect(paused.stderr).toBe(
      "Error response from daemon: Container other is paused, unpause the container before exec\n",
    );
    await daemon.must("rm", "-f", "other");
    await daemon.must("create", "--name=other", "busybox", "true");
    const ended = await daemon.docker("exec", "other", "true");
    expect(ended.stderr).toMatch(/^Error response from daemon: container [0-9a-f]{64} is not running\n$/);
    expect(ended.stderr).not.toContain(id);
    await daemon.must("rm", "other");
  });
});

test("what is known of one is told while it runs and after it", async () => {
  const api = async (path: string, body?: object) => {
    const response = await fetch(`http://docker/v1.47${path}`, {
      unix: daemon.socket,
      ...(body
        ? { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } }
        : {}),
    });
    const text = await response.text();
    return text === "" ? {} : JSON.parse(text);
  };
  const Cmd = ["sh", "-c", "read x; exit 7"];
  const { Id } = await api("/containers/it/exec", {
    Cmd,
    AttachStdin: true,
    User: "1:2",
    DetachKeys: "ctrl-a,b",
  });
  const fixed = {
    ID: Id,
    ProcessConfig: { tty: false, entrypoint: "sh", arguments: Cmd.slice(1), privileged: false, user: "1:2" },
    OpenStdin: true,
    OpenStdout: false,
    OpenStderr: false,
    CanRemove: false,
    ContainerID: await daemon.inspect("it", "{{.Id}}"),
    DetachKeys: "AWI=",
  };
  expect(await api(`/exec/${Id}/json`)).toEqual({ ...fixed, Running: false, ExitCode: null, Pid: 0 });
  await api(`/exec/${Id}/start`, { Detach: true });
  const running = await api(`/exec/${Id}/json`);
  expect(running).toMatchObject({ ...fixed, Running: true, ExitCode: null });
  expect(await api(`/exec/${Id}/start`, { Detach: true })).toEqual({
    message: `Error: Exec command ${Id} is already running`,
  });
  process.kill(running.Pid, "SIGTERM");
  await until("it has ended", async () => (await api(`/exec/${Id}/json`)).Running === false);
  expect(await api(`/exec/${Id}/json`)).toMatchObject({ ...fixed, ExitCode: 143, Pid: running.Pid });
});

test("hundreds of them leave nothing", async () => {
  const before = readdirSync(`/proc/${daemon.supervisorPid}/fd`).length;
  const daemonBefore = readdirSync(`/proc/${daemon.pid}/fd`).length;
  for (let round = 0; round < 25; round++) {
    const some = Array.from({ length: 8 }, () => daemon.docker("exec", "it", "true"));
    for (const { code } of await Promise.all(some)) expect(code).toBe(0);
  }
  const id = await daemon.inspect("it", "{{.Id}}");
  const folder = join(daemon.execRoot, "containers", id, "exec");
  await until("their files are gone", () => readdirSync(folder).length === 0);
  await until("nothing of them is open", () => {
    const now = readdirSync(`/proc/${daemon.supervisorPid}/fd`).length;
    return now <= before + 2 && readdirSync(`/proc/${daemon.pid}/fd`).length <= daemonBefore + 2;
  });
  expect(await daemon.inspect("it", "{{.ExecIDs}}")).toBe("[]");
});

test("a limit that no runtime can work with is named", async () => {
  const flags = ["--rm", "--ulimit", "nofile=10:20", "busybox", "true"];
  const { stderr, code } = await daemon.docker("run", ...flags);
  expect(code).toBe(125);
  expect(stderr).toContain("the limit of open files is too low to set the container up (nofile=10:20)");
});
