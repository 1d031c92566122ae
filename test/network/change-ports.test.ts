import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";
import { freePort } from "../harness/registry.ts";

/** Ports of a container that runs, changed without a restart. */
describe("update --publish-add, --publish-rm", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start({ images: ["busybox"] });
  }, 60_000);
  afterAll(() => daemon[Symbol.asyncDispose](), 60_000);

  const server = ["busybox", "sh", "-c", "echo here > /index.html; exec httpd -f -p 80 -h /"];
  const start = (name: string, ...flags: string[]) =>
    daemon.must("run", "-d", "--name", name, ...flags, ...server);
  const update = (name: string, ...flags: string[]) => daemon.docker("container", "update", ...flags, name);
  const ask = async (port: number, host = "127.0.0.1") => {
    try {
      return await (await fetch(`http://${host}:${port}/index.html`, { keepalive: false })).text();
    } catch {
      return "nobody";
    }
  };

  test("a port is opened, moved and closed; the process stays", async () => {
    const [one, two] = [await freePort(), await freePort()];
    await start("web");
    const pid = await daemon.inspect("web", "{{.State.Pid}}");
    expect(await update("web", "--publish-add", `${one}:80`)).toMatchObject({ stdout: "web\n", code: 0 });
    expect(await ask(one)).toBe("here\n");
    expect(await daemon.must("port", "web")).toBe(`80/tcp -> 0.0.0.0:${one}\n80/tcp -> [::]:${one}`);
    expect(await ask(one, "[::1]")).toBe("here\n");
    expect(await daemon.must("ps", "--filter", "name=web", "--format", "{{.Ports}}")).toBe(
      `0.0.0.0:${one}->80/tcp, [::]:${one}->80/tcp`,
    );
    expect((await update("web", "--publish-rm", "80", "--publish-add", `127.0.0.1:${two}:80`)).code).toBe(0);
    expect([await ask(one), await ask(two)]).toEqual(["nobody", "here\n"]);
    expect((await update("web", "--publish-rm", `${two}:80`)).code).toBe(0);
    expect(await ask(two)).toBe("nobody");
    expect(
      await daemon.inspect("web", "{{json .HostConfig.PortBindings}} {{json .NetworkSettings.Ports}}"),
    ).toBe('{} {"80/tcp":null}');
    expect(await daemon.inspect("web", "{{.State.Pid}}")).toBe(pid);
  });

  test("what was changed outlives the daemon and a restart of the container", async () => {
    const [one, two] = [await freePort(), await freePort()];
    await start("kept", "-p", `127.0.0.1:${one}:80`);
    await update("kept", "--publish-rm", `${one}:80`, "--publish-add", `127.0.0.1:${two}:80`);
    await daemon.end("SIGKILL");
    await daemon.launch();
    expect([await ask(one), await ask(two)]).toEqual(["nobody", "here\n"]);
    await daemon.must("restart", "-t", "0", "kept");
    expect(await daemon.must("port", "kept")).toBe(`80/tcp -> 127.0.0.1:${two}`);
    await daemon.must("stop", "-t", "0", "kept");
    expect((await update("kept", "--publish-add", `127.0.0.1:${one}:80`)).code).toBe(0);
    await daemon.must("start", "kept");
    await until("the server listens", async () => (await ask(two)) === "here\n");
    expect([await ask(one), await ask(two)]).toEqual(["here\n", "here\n"]);
  });

  test("a conflict leaves everything as it was, limits too", async () => {
    const [mine, others, free] = [await freePort(), await freePort(), await freePort()];
    await start("other", "-p", `127.0.0.1:${others}:80`);
    await start("mine", "-p", `127.0.0.1:${mine}:80`);
    const before = await daemon.inspect("mine", "{{json .HostConfig}} {{json .NetworkSettings.Ports}}");
    const flags = [
      "-m",
      "100m",
      "--memory-swap",
      "200m",
      "--publish-rm",
      "80",
      "--publish-add",
      `127.0.0.1:${free}:80`,
    ];
    const { stderr, code } = await update("mine", ...flags, "--publish-add", `127.0.0.1:${others}:81`);
    expect(stderr).toContain(`Bind for 127.0.0.1:${others} failed: port is already allocated`);
    expect(code).toBe(1);
    expect(await daemon.inspect("mine", "{{json .HostConfig}} {{json .NetworkSettings.Ports}}")).toBe(before);
    expect([await ask(mine), await ask(free), await ask(others)]).toEqual(["here\n", "nobody", "here\n"]);
    // The same port within the container: it is free as soon as it is given up.
    const moved = ["--publish-rm", `${mine}:80`, "--publish-add", `127.0.0.1:${mine}:80`];
    expect((await update("mine", ...moved)).code).toBe(0);
    expect(await ask(mine)).toBe("here\n");
  });

  test("what cannot be is refused", async () => {
    await daemon.must("create", "--name", "hosted", "--network", "host", "busybox");
    await daemon.must("create", "--name", "idle", "-p", "8080:80", "busybox");
    const refused: [string, string[], string][] = [
      ["idle", ["--publish-rm", "81"], "port 81/tcp is not published"],
      ["idle", ["--publish-rm", "8081:80"], "port 8081:80/tcp is not published"],
      ["idle", ["--publish-add", "x:80"], "invalid hostPort: x"],
      [
        "hosted",
        ["--publish-add", "80"],
        'cannot change the published ports of container "/hosted": it uses the host\'s network',
      ],
    ];
    for (const [name, flags, message] of refused) {
      const { stderr, code } = await update(name, ...flags);
      expect(stderr).toContain(message);
      expect(code).toBe(1);
    }
    expect(await daemon.inspect("idle", "{{json .HostConfig.PortBindings}}")).toBe(
      '{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}',
    );
  });
});
