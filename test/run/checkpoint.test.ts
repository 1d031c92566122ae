import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";

/** Those that can make checkpoints. */
const runtimes = ["runc", "crun"].filter(
  (name) =>
    Bun.which(name) !== null &&
    (name === "runc" || Bun.spawnSync([name, "--version"]).stdout.toString().includes("+CRIU")),
);

/** Why there can be no checkpoints here: CRIU has to work on the kernel, and runc to be there. */
function whyNot(): string | undefined {
  if (Bun.which("runc") === null) return "runc is not installed";
  if (Bun.which("criu") === null) return "criu is not installed";
  return Bun.spawnSync(["criu", "check"]).exitCode === 0 ? undefined : "criu does not work on this host";
}

const reason = whyNot();
if (reason !== undefined) console.warn(`skipped: ${reason}`);

describe.skipIf(reason !== undefined)("checkpoints", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start({ images: ["busybox"] });
  }, 60_000);
  afterAll(() => daemon[Symbol.asyncDispose](), 60_000);
  afterEach(async () => {
    await daemon.must("rm", "-f", "frozen");
  });

  const counting = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done";
  const run = (...args: string[]) =>
    daemon.must("run", "-d", "--name", "frozen", "--runtime", "runc", ...args);
  const state = () => daemon.inspect("frozen", "{{.State.Status}} {{.State.ExitCode}}");
  const numbers = async () => (await daemon.must("logs", "frozen")).split("\n").map(Number);

  test("a container goes on where it was: its memory, its log, its state", async () => {
    await run("--restart", "always", "busybox", "sh", "-c", counting);
    await until("it counts", async () => (await numbers()).length > 5);
    const since = Math.floor(Date.now() / 1000) - 1;
    expect(await daemon.must("checkpoint", "create", "frozen", "one")).toBe("one");
    expect(await state()).toBe("exited 137");
    expect(await daemon.must("checkpoint", "ls", "frozen")).toBe("CHECKPOINT NAME\none");
    const before = await numbers();
    await daemon.must("start", "--checkpoint", "one", "frozen");
    expect(await state()).toBe("running 0");
    await until("it goes on", async () => (await numbers()).length > before.length + 5);
    const all = await numbers();
    expect(all).toEqual(all.map((_, at) => at));
    expect(await daemon.must("exec", "frozen", "echo", "inside")).toBe("inside");
    // A duration would be cut to whole seconds.
    const soon = ((Date.now() + 50) / 1000).toFixed(3);
    const told = ["--filter", "container=frozen", "--format", "{{.Action}}"];
    const events = await daemon.must("events", "--since", String(since), "--until", soon, ...told);
    const actions = events.split("\n").filter((action) => /^(checkpoint|die|start)$/.test(action));
    expect(actions.slice(-3)).toEqual(["checkpoint", "die", "start"]);
    await daemon.must("stop", "-t", "0", "frozen");
    expect(await state()).toBe("exited 137");
  });

  test.each(runtimes)(
    "%s restores what is read-only, has masked paths, mounts and an init",
    async (runtime) => {
      const flags = ["--read-only", "--init", "--tmpfs", "/quick", "-v", "/kept", "--runtime", runtime];
      await daemon.must("run", "-d", "--name", "frozen", ...flags, "busybox", "sh", "-c", counting);
      await until("it counts", async () => (await numbers()).length > 5);
      await daemon.must("checkpoint", "create", "frozen", "one");
      const before = await numbers();
      await daemon.must("start", "--checkpoint", "one", "frozen");
      await until("it goes on", async () => (await numbers()).length > before.length + 5);
      const script =
        "touch /x 2>/dev/null && echo writable; touch /quick/x /kept/x; ls /sys/firmware | wc -l";
      expect(await daemon.must("exec", "frozen", "sh", "-c", script)).toBe("0");
    },
  );

  test("it runs on when it is to, is adopted by the next supervisor, and hears its stdin", async () => {
    await run(
      "-i",
      "--init",
      "-v",
      "/kept",
      "--tmpfs",
      "/quick",
      "busybox",
      "sh",
      "-c",
      "echo well >/quick/f; read l; echo $l $(cat /quick/f); exit 4",
    );
    const pid = await daemon.inspect("frozen", "{{.State.Pid}}");
    await daemon.must("checkpoint", "create", "--leave-running", "frozen", "one");
    expect(await daemon.inspect("frozen", "{{.State.Status}} {{.State.Pid}}")).toBe(`running ${pid}`);
    const again = await daemon.docker("checkpoint", "create", "frozen", "one");
    expect(again.stderr).toContain("checkpoint with name one already exists for container frozen");
    await daemon.must("kill", "frozen");
    await daemon.must("wait", "frozen");
    await daemon.must("start", "--checkpoint", "one", "frozen");
    process.kill(daemon.supervisorPid, "SIGKILL");
    const { stdout, code } = await daemon.feed("heard\n", "attach", "frozen");
    expect({ stdout, code }).toEqual({ stdout: "heard well\n", code: 4 });
    await daemon.must("checkpoint", "rm", "frozen", "one");
    expect(await daemon.must("checkpoint", "ls", "frozen")).toBe("CHECKPOINT NAME");
  });

  test("a folder of the user's own; its network is there again", async () => {
    const folder = join(daemon.root, "checkpoints");
    mkdirSync(folder);
    const serve = "while :; do echo served | nc -l -p 80; done";
    await run("-p", "127.0.0.1::80", "busybox", "sh", "-c", serve);
    await daemon.must("checkpoint", "create", "--checkpoint-dir", folder, "frozen", "mine");
    expect(await daemon.must("checkpoint", "ls", "frozen")).toBe("CHECKPOINT NAME");
    expect(await daemon.must("checkpoint", "ls", "--checkpoint-dir", folder, "frozen")).toContain("mine");
    await daemon.must("start", "--checkpoint-dir", folder, "--checkpoint", "mine", "frozen");
    const [, port] = (await daemon.must("port", "frozen", "80")).split(":");
    const asked = Bun.spawnSync(["busybox", "nc", "-w", "5", "127.0.0.1", port ?? ""], {
      stdin: Buffer.from(""),
    });
    expect(asked.stdout.toString()).toBe("served\n");
  });

  test("a supervisor that dies at its work leaves nothing of the checkpoint", async () => {
    await run("busybox", "sh", "-c", counting);
    const checkpoints = join(
      daemon.dataRoot,
      "containers",
      await daemon.inspect("frozen", "{{.Id}}"),
      "checkpoints",
    );
    const partial = () => existsSync(join(checkpoints, ".one-partial"));
    const made = daemon.docker("checkpoint", "create", "--leave-running", "frozen", "one");
    await until("it is at work", partial);
    process.kill(daemon.supervisorPid, "SIGKILL");
    expect((await made).code).toBe(1);
    expect(readdirSync(checkpoints)).toEqual([]);
  });

  test("what daemon and supervisor leave of a checkpoint when both die goes with the next start", async () => {
    await run("busybox", "sh", "-c", counting);
    const checkpoints = join(
      daemon.dataRoot,
      "containers",
      await daemon.inspect("frozen", "{{.Id}}"),
      "checkpoints",
    );
    const partial = () => existsSync(join(checkpoints, ".one-partial"));
    const made = daemon.docker("checkpoint", "create", "--leave-running", "frozen", "one");
    await until("it is at work", partial);
    const supervisor = daemon.supervisorPid;
    process.kill(supervisor, "SIGSTOP");
    await daemon.end("SIGKILL");
    process.kill(supervisor, "SIGKILL");
    expect((await made).code).toBe(1);
    expect(readdirSync(checkpoints)).toEqual([".one-partial"]);
    await daemon.launch();
    expect(readdirSync(checkpoints)).toEqual([]);
  });

  test("what cannot be is told, and nothing ends for it", async () => {
    await run("-t", "busybox", "sleep", "1000");
    const create = async (...args: string[]) =>
      (await daemon.docker("checkpoint", "create", ...args)).stderr.trim();
    expect(await create("frozen", "one")).toBe(
      "Error response from daemon: checkpoint not support on containers with tty",
    );
    await daemon.must("rm", "-f", "frozen");
    await run("busybox", "sleep", "1000");
    expect(await create("frozen", "no/name")).toContain("Invalid checkpoint ID (no/name), only ");
    expect(await create("--checkpoint-dir", "here", "frozen", "one")).toContain("not an absolute path");
    expect(await state()).toBe("running 0");
    await daemon.must("stop", "-t", "0", "frozen");
    const { stderr, code } = await daemon.docker(
      "start",
      "--checkpoint-dir",
      "/nonexistent",
      "--checkpoint",
      "one",
      "frozen",
    );
    expect([stderr !== "", code]).toEqual([true, 1]);
    expect(await state()).toBe("exited 137");
  });
});
