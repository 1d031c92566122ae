import { expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { looseFiles, processes } from "../harness/leftovers.ts";
import { until } from "../harness/process.ts";

const shell = (daemon: TestDaemon, name: string, script: string, ...flags: string[]) =>
  daemon.must("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", script);

test("a daemon whose containers have all ended leaves nothing running, mounted or configured", async () => {
  await using daemon = await TestDaemon.start({ images: ["busybox"] });
  await shell(daemon, "ended", "echo said; exit 3", "-p", "127.0.0.1::80");
  await daemon.must("wait", "ended");
  await daemon.must("create", "--name", "created", "busybox");
  const { daemon: own } = await daemon.leftovers();
  expect(own.some((line) => line.startsWith("link "))).toBe(true);
  await daemon.end("SIGTERM");
  await until("its processes are gone", () => processes(daemon.root).length === 0);
  await until("nothing is left in the kernel", async () => (await daemon.leftovers()).daemon.length === 0);
  expect(looseFiles(daemon.execRoot)).toEqual([]);
  const rest = (await daemon.leftovers()).containers;
  expect(rest.filter((line) => !/^(\/|row of (containers|resources) )/.test(line))).toEqual([]);
  await daemon.launch();
  expect(await daemon.inspect("ended", "{{.State.ExitCode}}")).toBe("3");
  expect(await daemon.must("logs", "ended")).toBe("said");
  expect(await daemon.must("start", "-a", "created")).toBe("");
});

test("two daemons side by side touch nothing of each other's", async () => {
  await using first = await TestDaemon.start({ images: ["busybox"] });
  await shell(first, "same", "sleep 60");
  const facts = "{{.State.Pid}} {{.NetworkSettings.Networks.bridge.IPAddress}}";
  const before = await first.inspect("same", facts);
  {
    await using second = await TestDaemon.start({ images: ["busybox"], registry: first.registry });
    await shell(second, "same", "sleep 60");
    const subnet = ["network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "bridge"];
    expect(await second.must(...subnet)).not.toBe(await first.must(...subnet));
    expect(await second.must("ps", "--format", "{{.Names}}")).toBe("same");
    await second.must("rm", "-f", "same");
  }
  expect(await first.inspect("same", facts)).toBe(before);
  expect((await first.docker("exec", "same", "ip", "route")).stdout).toContain("default via");
});

test("a second daemon with the same roots refuses to start", async () => {
  await using daemon = await TestDaemon.start();
  const { code, stderr } = await daemon.second();
  expect(code).toBe(1);
  expect(stderr).toMatch(/is still running|another daemon|in use/);
  expect(await daemon.must("ps", "-q")).toBe("");
});

test("a daemon that is ended begins no restart any more, and the next one goes on with them", async () => {
  await using daemon = await TestDaemon.start({ images: ["busybox"] });
  const names = ["first", "second", "third", "fourth"];
  for (const name of names) await shell(daemon, name, "sleep 0.03", "--restart", "always");
  for (let time = 0; time < 5; time++) {
    await daemon.end("SIGTERM");
    expect(await daemon.log()).not.toContain("level=error");
    await daemon.launch();
  }
  for (const name of names) {
    const restarts = () => daemon.inspect(name, "{{.RestartCount}}");
    const before = await restarts();
    await until(`${name} is started again`, async () => (await restarts()) !== before);
  }
  await daemon.must("rm", "-f", ...names);
});
