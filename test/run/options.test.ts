import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";

/** Options of create that need something of the host, or of other containers. */
describe("options that may not be had", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start({ images: ["busybox"] });
  }, 60_000);
  afterAll(() => daemon[Symbol.asyncDispose](), 60_000);

  const sleeping = ["busybox", "sleep", "1000"];

  test("--init is the first process; without an init program on the host it is an error", async () => {
    expect(await daemon.must("run", "--rm", "--init", "busybox", "cat", "/proc/1/comm")).toBe("docker-init");
    await using bare = await TestDaemon.start({
      images: ["busybox"],
      registry: daemon.registry,
      flags: ["--init-path", "/nonexistent/init"],
    });
    expect((await bare.docker("run", "--rm", "--init", "busybox", "true")).code).not.toBe(0);
  });

  test("--init takes in what its children leave behind", async () => {
    const orphans = "for i in 1 2 3; do (sleep 0.5 &); done; exec sleep 1000";
    const zombies = ["sh", "-c", "sleep 1; ps -o stat,comm | grep -c Z"];
    for (const [name, flags, left] of [
      ["reaped", ["--init"], "0"],
      ["unreaped", [], "3"],
    ] as const) {
      await daemon.must("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", orphans);
      expect((await daemon.docker("exec", name, ...zombies)).stdout.trim()).toBe(left);
    }
  });

  test("a checkpoint is refused with the reason", async () => {
    await daemon.must("run", "-d", "--name", "floating", ...sleeping);
    const ask = async (id: string) => {
      const response = await fetch(`http://docker/v1.51/containers/${id}/checkpoints`, {
        method: "POST",
        unix: daemon.socket,
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ CheckpointID: "one", Exit: true }),
      });
      return { code: response.status, ...((await response.json()) as { message: string }) };
    };
    const { code, message } = await ask("floating");
    expect(code).toBeGreaterThanOrEqual(500);
    expect(message).toMatch(
      /^Cannot checkpoint container floating: (criu (is not installed|does not work on this host: .+)|this crun was built without CRIU: .+)$/,
    );
    await daemon.must("stop", "-t", "0", "floating");
    expect(await ask("floating")).toEqual({ code: 409, message: "Container floating not running" });
    expect((await ask("nosuch")).code).toBe(404);
  });

  test("limits that the runtime could not work with hold for the container and its execs", async () => {
    const limits = ["--ulimit", "fsize=1024:-1"];
    const script = "ulimit -f; ulimit -Hf";
    const told = "2\nunlimited";
    const shell = ["busybox", "sh", "-c", script];
    expect(await daemon.must("run", "--rm", ...limits, ...shell)).toBe(told);
    await daemon.must("run", "-d", "--name", "short", ...limits, ...sleeping);
    expect(await daemon.must("exec", "short", "sh", "-c", script)).toBe(told);
    // A size of the terminal has the specification written once more.
    await daemon.must("run", "-d", "-t", "--name", "sized", ...limits, ...sleeping);
    await daemon.must("stop", "-t", "0", "sized");
    expect(await daemon.inspect("sized", "{{.State.ExitCode}}")).toBe("137");
  });

  test("an IPC namespace is joined only where it is shared, and by who named it at create", async () => {
    await daemon.must("run", "-d", "--name", "private", ...sleeping);
    await daemon.must("run", "-d", "--name", "shared", "--ipc", "shareable", ...sleeping);
    const { stderr, code } = await daemon.docker(
      "run",
      "--rm",
      "--ipc",
      "container:private",
      "busybox",
      "true",
    );
    expect(stderr).toMatch(
      /failed to join IPC namespace: container \w{64}: non-shareable IPC \(hint: use IpcMode:shareable/,
    );
    expect(code).toBe(125);
    await daemon.must(
      "create",
      "--name",
      "joins",
      "--ipc",
      "container:shared",
      "busybox",
      "touch",
      "/dev/shm/x",
    );
    await daemon.must("rename", "shared", "renamed");
    expect((await daemon.docker("start", "-a", "joins")).code).toBe(0);
    expect(await daemon.must("exec", "renamed", "ls", "/dev/shm")).toBe("x");
  });

  test("what only Windows can limit is refused or told", async () => {
    const create = (HostConfig: object) =>
      fetch("http://d/containers/create", {
        unix: daemon.socket,
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ Image: "busybox", HostConfig }),
      }).then((answer) => answer.json());
    expect(await create({ IOMaximumBandwidth: 1 })).toEqual({
      message: "Invalid QoS settings: linux does not support configuration of maximum bandwidth",
    });
    expect(await create({ CpuPercent: 5 })).toMatchObject({
      Warnings: ["linux does not support CPU percent. Percent discarded."],
    });
  });

  test("the commands about checkpoints show what the daemon says", async () => {
    await daemon.must("run", "-d", "--name", "afloat", ...sleeping);
    const why = /^Error response from daemon: Cannot checkpoint container afloat: \S.+\n$/;
    for (const flags of [[], ["--leave-running"], ["--checkpoint-dir", "/tmp"]]) {
      const { stdout, stderr, code } = await daemon.docker("checkpoint", "create", ...flags, "afloat", "one");
      expect({ stdout, stderr, code }).toEqual({ stdout: "", stderr: expect.stringMatching(why), code: 1 });
    }
    expect(await daemon.must("checkpoint", "ls", "afloat")).toBe("CHECKPOINT NAME");
    const removed = await daemon.docker("checkpoint", "rm", "afloat", "one");
    expect(removed.stderr).toBe(
      "Error response from daemon: checkpoint one does not exist for container afloat\n",
    );
    expect((await daemon.docker("checkpoint", "list", "nosuch")).stderr).toBe(
      "Error response from daemon: No such container: nosuch\n",
    );
    expect(await daemon.inspect("afloat", "{{.State.Status}}")).toBe("running");
  });

  test("--experimental is told, and lets a start look for the checkpoint", async () => {
    const told = async (one: TestDaemon) => [
      await one.must("version", "--format", "{{.Server.Experimental}}"),
      await one.must("info", "--format", "{{.ExperimentalBuild}}"),
    ];
    expect(await told(daemon)).toEqual(["false", "false"]);
    await using bold = await TestDaemon.start({ flags: ["--experimental"], images: ["busybox"] });
    expect(await told(bold)).toEqual(["true", "true"]);
    await bold.must("create", "--name", "idle", "busybox", "true");
    for (const flags of [[], ["-a"]]) {
      const { stderr, code } = await bold.docker("start", ...flags, "--checkpoint", "one", "idle");
      expect(stderr).toContain("checkpoint one does not exist for container idle");
      expect(code).toBe(1);
    }
    expect(await bold.inspect("idle", "{{.State.Status}}")).toBe("created");
  });

  test("a template shows large integers as the daemon sent them", async () => {
    const exbibyte = "1152921504606846976";
    await daemon.must("create", "--name", "vast", "--shm-size", exbibyte, "busybox");
    for (const template of ["{{.HostConfig.ShmSize}}", "{{json .HostConfig.ShmSize}}"]) {
      expect(await daemon.inspect("vast", template)).toBe(exbibyte);
    }
    expect(await daemon.must("inspect", "vast")).toContain(`"ShmSize": ${exbibyte},`);
  });

  test("a start from a checkpoint is refused, and starts nothing", async () => {
    await daemon.must("create", "--name", "idle", "busybox", "true");
    for (const flags of [[], ["-a"]]) {
      const { stderr, code } = await daemon.docker("start", ...flags, "--checkpoint", "one", "idle");
      expect(stderr).toContain("checkpoint is only supported in experimental mode");
      expect(code).toBe(1);
    }
    expect(await daemon.inspect("idle", "{{.State.Status}}")).toBe("created");
  });
});
