import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { demultiplex, RuntimeFixture, readAll } from "./fixture.ts";

let fixture: RuntimeFixture;
beforeAll(async () => {
  fixture = await RuntimeFixture.create();
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

test("a container's exit code, its output by stream, and its log, with a client that was there before it", async () => {
  const container = fixture.container({ args: ["sh", "-c", "echo out; echo err >&2; exit 3"] });
  const { stream } = await fixture.client.attach({
    id: container.id,
    stdin: false,
    stdout: true,
    stderr: true,
  });
  const output = readAll(stream);
  const exit = await fixture.runToEnd(container);
  expect(exit).toMatchObject({ id: container.id, exitCode: 3, signal: 0, oomKilled: false });
  expect(demultiplex(await output)).toEqual({ stdout: "out\n", stderr: "err\n" });
  expect(fixture.logged(container.id).split("\n").sort()).toEqual(["", "err", "out"]);
});

test("death by a signal is 128 + its number", async () => {
  const container = fixture.container({ args: ["sleep", "1000"] });
  const exited = fixture.exit(container.id);
  await fixture.client.start(container);
  await fixture.client.kill({ id: container.id }, 9);
  expect(await exited).toMatchObject({ exitCode: 137, signal: 9 });
  await expect(fixture.client.kill({ id: container.id }, 9)).rejects.toMatchObject({ code: "conflict" });
});

test("stdin goes to the container and ends with its client", async () => {
  const container = fixture.container({ args: ["wc", "-c"], openStdin: true, stdinOnce: true });
  const { stream } = await fixture.client.attach({
    id: container.id,
    stdin: true,
    stdout: true,
    stderr: true,
  });
  const output = readAll(stream);
  // What is sent before the start waits.
  stream.write(Buffer.alloc(3_000_000, "x"));
  const exited = fixture.exit(container.id);
  await fixture.client.start(container);
  stream.write("end");
  stream.end();
  expect(await exited).toMatchObject({ exitCode: 0 });
  expect(demultiplex(await output).stdout.trim()).toBe("3000003");
});

test("a stdin that is kept open does not end with a client", async () => {
  const container = fixture.container({ args: ["cat"], openStdin: true });
  const exited = fixture.exit(container.id);
  await fixture.client.start(container);
  for (const word of ["one", "two"]) {
    const { stream } = await fixture.client.attach({
      id: container.id,
      stdin: true,
      stdout: true,
      stderr: false,
    });
    stream.write(`${word}\n`);
    for await (const piece of stream) {
      expect(demultiplex(piece as Buffer).stdout).toBe(`${word}\n`);
      break;
    }
    stream.destroy();
  }
  await fixture.client.kill({ id: container.id }, 9);
  await exited;
});

test("a terminal: raw bytes, its size, and stdin that arrives whole", async () => {
  const container = fixture.container({
    args: ["sh", "-c", "stty size; stty raw -echo; echo ready; head -c 300000 | wc -c; stty size; tty"],
    tty: true,
    openStdin: true,
    stdinOnce: true,
    consoleSize: { height: 33, width: 77 },
  });
  const { stream } = await fixture.client.attach({
    id: container.id,
    stdin: true,
    stdout: true,
    stderr: true,
  });
  let text = "";
  let sent = false;
  stream.on("data", (piece: Buffer) => {
    text += piece.toString();
    if (sent || !text.includes("ready")) return;
    sent = true;
    void fixture.client.resize({ id: container.id }, { height: 40, width: 120 }).then(() => {
      stream.write(Buffer.alloc(300_000, "x"));
    });
  });
  stream.resume();
  const ended = new Promise((resolve) => stream.on("end", resolve));
  const exit = await fixture.runToEnd(container);
  await ended;
  expect(exit.exitCode).toBe(0);
  expect(text.split(/\r?\n/)).toEqual(["33 77", "ready", "300000", "40 120", "/dev/pts/0", ""]);
});

test("a container that prints 15 MB: every byte, in order, to two clients", async () => {
  const container = fixture.container({
    args: ["seq", "1", "2000000"],
    log: { driver: "none", path: "/nonexistent", options: {} },
  });
  const request = { id: container.id, stdin: false, stdout: true, stderr: true };
  const clients = await Promise.all([fixture.client.attach(request), fixture.client.attach(request)]);
  const outputs = clients.map(({ stream }) => readAll(stream));
  await fixture.runToEnd(container);
  for (const output of outputs) {
    const { stdout } = demultiplex(await output);
    const hash = Bun.hash(stdout);
    const expected = Array.from({ length: 2_000_000 }, (_, i) => `${i + 1}\n`).join("");
    expect(hash).toBe(Bun.hash(expected));
  }
});

test("a client that reads nothing holds up neither the container nor its log", async () => {
  const container = fixture.container({ args: ["seq", "1", "1000000"] });
  const request = { id: container.id, stdin: false, stdout: true, stderr: true };
  const stuck = await fixture.client.attach(request);
  const exit = await fixture.runToEnd(container);
  expect(exit.exitCode).toBe(0);
  expect(fixture.logged(container.id)).toEndWith("\n1000000\n");
  // When it reads at last, nothing is missing.
  expect(demultiplex(await readAll(stuck.stream)).stdout).toEndWith("\n999999\n1000000\n");
});

test("a program that is not there is told in Docker's words, and leaves nothing", async () => {
  const cases: [string, string][] = [
    ["nosuch", 'exec: "nosuch": executable file not found in $PATH: unknown'],
    ["/no/such", 'exec: "/no/such": stat /no/such: no such file or directory: unknown'],
    ["/data", 'exec: "/data": permission denied: unknown'],
  ];
  writeFileSync(join(fixture.rootfs, "data"), "no program");
  for (const [program, message] of cases) {
    const container = fixture.container({ args: [program] });
    const { stream } = await fixture.client.attach({
      id: container.id,
      stdin: false,
      stdout: true,
      stderr: true,
    });
    const output = readAll(stream);
    await expect(fixture.client.start(container)).rejects.toMatchObject({
      code: "invalidArgument",
      message: `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ${message}`,
    });
    // The client that waited is let go, and has seen none of the runtime's own messages.
    expect((await output).length).toBe(0);
    expect(readdirSync(join(fixture.execRoot, "containers", container.id))).toEqual(["bundle"]);
    expect((await fixture.client.list()).some(({ id }) => id === container.id)).toBe(false);
  }
});

test("a program that the kernel cannot execute says so in the container's own output", async () => {
  writeFileSync(join(fixture.rootfs, "garbage"), "\u0001\u0002", { mode: 0o755 });
  const container = fixture.container({ args: ["/garbage"] });
  expect(await fixture.runToEnd(container)).toMatchObject({ exitCode: 255 });
  expect(fixture.logged(container.id)).toBe("exec /garbage: exec format error\n");
});

test("an exec has its own streams and exit code, and ends with the container", async () => {
  const container = fixture.container({ args: ["sleep", "1000"] });
  const { id, runtime } = container;
  const exited = fixture.exit(id);
  await fixture.client.start(container);
  const processSpec = (args: string[], terminal = false) => ({
    args,
    cwd: "/",
    env: ["PATH=/bin"],
    terminal,
    user: { uid: 0, gid: 0 },
  });
  const request = { id, runtime, tty: false, openStdin: true };
  const attached = await fixture.client.attach({ id, execId: "a", stdin: true, stdout: true, stderr: true });
  const execExited = fixture.exit(id, "a");
  const output = readAll(attached.stream);
  await fixture.client.exec({
    ...request,
    execId: "a",
    processSpec: processSpec(["sh", "-c", "cat; exit 5"]),
  });
  attached.stream.end("to exec");
  expect(await execExited).toMatchObject({ execId: "a", exitCode: 5 });
  expect(demultiplex(await output).stdout).toBe("to exec");

  await expect(
    fixture.client.exec({ ...request, execId: "b", processSpec: processSpec(["nosuch"]) }),
  ).rejects.toThrow(
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
  );

  const terminal = await fixture.client.attach({ id, execId: "c", stdin: true, stdout: true, stderr: true });
  const text = readAll(terminal.stream);
  await fixture.client.exec({
    ...request,
    tty: true,
    execId: "c",
    consoleSize: { height: 10, width: 20 },
    // The size comes when the process runs already; without one, stty says nothing, and succeeds.
    processSpec: processSpec(["sh", "-c", "until stty size 2>/dev/null | grep .; do :; done"], true),
  });
  expect((await text).toString()).toBe("10 20\r\n");

  const lastExit = fixture.exit(id, "d");
  await fixture.client.exec({ ...request, execId: "d", processSpec: processSpec(["sleep", "1000"]) });
  await fixture.client.kill({ id }, 9);
  expect(await exited).toMatchObject({ exitCode: 137 });
  expect(await lastExit).toMatchObject({ exitCode: 137 });
});

test("an exec whose child holds its stdout open ends all the same, and the child goes on", async () => {
  const container = fixture.container({ args: ["sleep", "1000"] });
  const { id, runtime } = container;
  await fixture.client.start(container);
  const exited = fixture.exit(id, "bg");
  const script =
    "(sleep 3; i=0; while [ $i -lt 20000 ]; do echo line-of-the-child; i=$((i+1)); done; touch /tmp/done) &";
  await fixture.client.exec({
    id,
    execId: "bg",
    runtime,
    tty: false,
    openStdin: false,
    processSpec: { args: ["sh", "-c", script], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
  });
  expect(await exited).toMatchObject({ exitCode: 0 });
  const [init] = await fixture.client.pids(id);
  while (!existsSync(`/proc/${init}/root/tmp/done`)) await Bun.sleep(50);
}, 20_000);

test("memory that runs out is told", async () => {
  const script = "exec head -c 200000000 /dev/zero | tail";
  const container = fixture.container({ args: ["sh", "-c", script], memory: 16 * 1024 * 1024 });
  expect((await fixture.runToEnd(container)).oomKilled).toBe(true);
});

test("pause stops its processes, resume lets them go on; update changes limits", async () => {
  const container = fixture.container({ args: ["sh", "-c", "while :; do echo tick; sleep 0.01; done"] });
  const { id } = container;
  await fixture.client.start(container);
  await fixture.client.pause(id);
  await Bun.sleep(50);
  const before = fixture.logged(id).length;
  await Bun.sleep(100);
  expect(fixture.logged(id).length).toBe(before);
  await fixture.client.resume(id);
  while (fixture.logged(id).length === before) await Bun.sleep(5);
  await fixture.client.update(id, { memory: { limit: 64 * 1024 * 1024 } });
});

test("without a pid namespace of its own, nothing of the container outlives its first process", async () => {
  const container = fixture.container({
    args: ["sh", "-c", "sleep 1000 & sleep 1001 & echo $!"],
    hostPids: true,
  });
  const exit = await fixture.runToEnd(container);
  expect(exit.exitCode).toBe(0);
  const pid = Number(fixture.logged(container.id));
  expect(pid).toBeGreaterThan(1);
  while (existsSync(`/proc/${pid}`)) await Bun.sleep(5);
  await fixture.client.delete(container.id);
});

test("deleting leaves no cgroup, no file, and the id can be used again", async () => {
  const container = fixture.container({ args: ["true"] });
  for (let life = 0; life < 2; life++) {
    await fixture.runToEnd(container);
    await fixture.client.delete(container.id);
    expect(readdirSync(join(fixture.execRoot, "containers", container.id))).toEqual(["bundle"]);
  }
  const roots = readdirSync("/sys/fs/cgroup").map((name) =>
    join("/sys/fs/cgroup", name, fixture.cgroupParent),
  );
  for (const root of [...roots, join("/sys/fs/cgroup", fixture.cgroupParent)]) {
    expect(existsSync(join(root, container.id))).toBe(false);
  }
  await fixture.client.delete(container.id);
});

test("log options that make no sense are told at the start", async () => {
  const container = fixture.container({ args: ["true"] });
  container.log.options = { "max-file": "0" };
  await expect(fixture.client.start(container)).rejects.toThrow(
    "failed to create task for container: failed to initialize logging driver: max-file cannot be less than 1",
  );
});

test("ids that lead out of the exec root are refused", async () => {
  const container = fixture.container({ args: ["true"] });
  await expect(fixture.client.start({ ...container, id: "../../x" })).rejects.toMatchObject({
    code: "invalidArgument",
  });
});
