import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Pidfd } from "../../src/linux/pidfd.ts";
import { readLogs } from "../../src/runtime/logs/reader.ts";
import type { SupervisorClient } from "../../src/runtime/supervisor/client.ts";
import { demultiplex, RuntimeFixture, readAll } from "./fixture.ts";

let fixture: RuntimeFixture;
beforeEach(async () => {
  fixture = await RuntimeFixture.create();
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

const counting = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.002; done";

/** The numbers that a counting container has logged. */
const counted = (id: string) => fixture.logged(id).trim().split("\n").map(Number);

/** Waits until `condition` holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(5);
}

async function killSupervisor(client: SupervisorClient): Promise<void> {
  const pid = client.supervisorPid;
  using supervisor = Pidfd.open(pid);
  supervisor?.signal(9);
  await until(() => supervisor?.ended ?? true);
}

/** True when the kernel keeps exit codes for those who did not reap (Linux 6.15). */
async function kernelKeepsExitCodes(): Promise<boolean> {
  const child = Bun.spawn(["/bin/sh", "-c", "exit 3"]);
  using pidfd = Pidfd.open(child.pid);
  await child.exited;
  return pidfd?.waitStatus() === 3 << 8;
}

test("dockerd is killed: containers, their output, and their exit codes are there for the next one", async () => {
  const stays = fixture.container({ args: ["sh", "-c", counting] });
  const ends = fixture.container({ args: ["sh", "-c", "sleep 0.5; echo bye; exit 7"] });
  const script = join(fixture.root, "dockerd.ts");
  const source = join(import.meta.dir, "fixture.ts");
  writeFileSync(
    script,
    `import { RuntimeFixture } from ${JSON.stringify(source)};
     const client = await RuntimeFixture.prototype.connect.call({ execRoot: ${JSON.stringify(fixture.execRoot)} });
     for (const request of ${JSON.stringify([stays, ends])}) await client.start(request);
     process.stdout.write("started");
     setInterval(() => {}, 1000);`,
  );
  // The first client must not be the one that started the supervisor.
  await fixture.client.shutdown();
  const dockerd = Bun.spawn([process.execPath, script], { stdout: "pipe" });
  for await (const piece of dockerd.stdout) if (new TextDecoder().decode(piece).includes("started")) break;
  dockerd.kill(9);
  await dockerd.exited;
  await until(() => existsSync(join(fixture.execRoot, "containers", ends.id, "exit.json")));

  fixture.client = await fixture.connect();
  expect(await fixture.exit(ends.id)).toMatchObject({ exitCode: 7 });
  expect(fixture.logged(ends.id)).toBe("bye\n");
  const known = await fixture.client.list();
  expect(known.find(({ id }) => id === stays.id)?.exit).toBeUndefined();
  const { stream } = await fixture.client.attach({ id: stays.id, stdin: false, stdout: true, stderr: true });
  for await (const piece of stream) {
    expect(Number.parseInt(demultiplex(piece as Buffer).stdout, 10)).toBeGreaterThan(0);
    break;
  }
  stream.destroy();
  const numbers = counted(stays.id);
  expect(numbers).toEqual(numbers.map((_, index) => index));
});

test("the supervisor is killed: containers run on, another one takes them up, and no line is lost", async () => {
  const container = fixture.container({ args: ["sh", "-c", `trap 'echo end; exit 9' TERM; ${counting}`] });
  const { id, runtime } = container;
  const exited = fixture.exit(id);
  const { pid } = await fixture.client.start(container);
  const execExited = fixture.exit(id, "x");
  const exec = { id, execId: "x", runtime, tty: false, openStdin: false };
  const spec = { cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } };
  await fixture.client.exec({ ...exec, processSpec: { ...spec, args: ["sh", "-c", "sleep 1; exit 4"] } });
  await until(() => counted(id).length > 10);
  const first = fixture.client.supervisorPid;
  await killSupervisor(fixture.client);

  const known = await fixture.client.list();
  expect(fixture.client.supervisorPid).not.toBe(first);
  expect(known.find((one) => one.id === id && !one.execId)).toMatchObject({ pid });
  const before = counted(id).length;
  await until(() => counted(id).length > before + 10);
  if (await kernelKeepsExitCodes()) expect(await execExited).toMatchObject({ exitCode: 4 });
  await fixture.client.kill({ id }, 15);
  const exit = await exited;
  if (await kernelKeepsExitCodes()) expect(exit).toMatchObject({ exitCode: 9, pid });
  const lines = fixture.logged(id).trim().split("\n");
  expect(lines.pop()).toBe("end");
  expect(lines.map(Number)).toEqual(lines.map((_, index) => index));
});

/** Each part waits for another death. Long lines, lines in pieces, lines that are all the same: whoever compares what he sees cannot tell them apart. */
const talkative = `
  for i in 0 1 2 3 4 5 6 7 8 9; do head -c 50000 /dev/zero | tr '\\0' e >&2; printf 'a'>&2; sleep 0.02; echo z >&2; done &
  for i in 0 1 2 3 4; do until [ -e /killed-$i ]; do sleep 0.01; done; seq 0 60000; yes same | head -n 60000; printf 'no end '; done; wait`;

function talk(): { stdout: string; stderr: string } {
  const numbers = Array.from({ length: 60_001 }, (_, number) => `${number}\n`).join("");
  return {
    stdout: `${numbers}${"same\n".repeat(60_000)}no end `.repeat(5),
    stderr: `${"e".repeat(50_000)}az\n`.repeat(10),
  };
}

test("supervisors are killed again and again while a container talks: every line is logged once", async () => {
  const log = { driver: "json-file", options: { "max-size": "900k", "max-file": "1000" } };
  const container = fixture.container({ args: ["sh", "-c", talkative] });
  const { path } = container.log;
  const exited = fixture.exit(container.id);
  let ended = false;
  void exited.then(() => {
    ended = true;
  });
  await fixture.client.start({ ...container, log: { ...log, path } });
  for (let kills = 0; !ended && kills < 40; kills++) {
    await Bun.sleep(Math.random() * 60);
    await killSupervisor(fixture.client);
    writeFileSync(join(fixture.rootfs, `killed-${kills}`), "");
    await fixture.client.list();
  }
  await exited;
  const records = (await Array.fromAsync(readLogs({ path, stdout: true, stderr: true }))).flat();
  const told = talk();
  for (const stream of ["stdout", "stderr"] as const) {
    const text = records.flatMap((record) => (record.stream === stream ? [record.text] : [])).join("");
    expect([text.length, text === told[stream]]).toEqual([told[stream].length, true]);
  }
}, 60_000);

test("a terminal does not hang up when the supervisor is killed, and is usable afterwards", async () => {
  const container = fixture.container({ args: ["sh"], tty: true, openStdin: true });
  const { id } = container;
  const exited = fixture.exit(id);
  await fixture.client.start(container);
  await killSupervisor(fixture.client);
  await fixture.client.list();
  const { stream } = await fixture.client.attach({ id, stdin: true, stdout: true, stderr: true });
  const output = readAll(stream);
  stream.write("stty size; echo still $((40+2)); exit 6\n");
  expect((await output).toString()).toContain("still 42\r\n");
  expect(await exited).toMatchObject({ exitCode: 6 });
});

test("what ends while no supervisor runs has its exit code too", async () => {
  if (!(await kernelKeepsExitCodes())) return;
  // dockerd cannot start another supervisor for a while.
  const gate = join(fixture.root, "gate");
  const client = await fixture.connect({
    command: ["/bin/sh", "-c", 'while [ -e "$0" ]; do sleep 0.05; done; exec "$@"', gate],
  });
  const container = fixture.container({ args: ["sh", "-c", "sleep 0.3; echo last words; exit 11"] });
  await fixture.client[Symbol.asyncDispose]();
  fixture.client = client;
  const exited = fixture.exit(container.id);
  const { pid } = await client.start(container);
  writeFileSync(gate, "");
  await killSupervisor(client);
  await until(
    () => !existsSync(`/proc/${pid}`) || /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8")),
  );
  rmSync(gate);
  expect(await exited).toMatchObject({ exitCode: 11, pid });
  expect(fixture.logged(container.id)).toBe("last words\n");
}, 20_000);

test("clients that begin at once share one supervisor", async () => {
  await fixture.client.shutdown();
  const clients = await Promise.all([fixture.connect(), fixture.connect(), fixture.connect()]);
  expect(new Set(clients.map((client) => client.supervisorPid)).size).toBe(1);
  fixture.client = clients[0] as SupervisorClient;
  await Promise.all(clients.slice(1).map((client) => client[Symbol.asyncDispose]()));
});

test("a supervisor does not end while containers run", async () => {
  const container = fixture.container({ args: ["sleep", "1000"] });
  await fixture.client.start(container);
  await expect(fixture.client.shutdown()).rejects.toMatchObject({ code: "conflict" });
  expect((await fixture.client.list()).map(({ id }) => id)).toEqual([container.id]);
});

test("a socket that somebody removed comes back; a supervisor whose folder is gone ends", async () => {
  const pid = fixture.client.supervisorPid;
  rmSync(join(fixture.execRoot, "supervisor.sock"));
  await until(() => existsSync(join(fixture.execRoot, "supervisor.sock")));
  const second = await fixture.connect();
  expect(second.supervisorPid).toBe(pid);
  await second[Symbol.asyncDispose]();
  await fixture.client[Symbol.asyncDispose]();
  renameSync(fixture.execRoot, `${fixture.execRoot}-gone`);
  using supervisor = Pidfd.open(pid);
  await until(() => supervisor?.ended ?? true);
  fixture.client = await fixture.connect();
}, 20_000);
