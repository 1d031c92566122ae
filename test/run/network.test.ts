import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, run, until } from "../harness/process.ts";
import { freePort } from "../harness/registry.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());
afterEach(async () => {
  const ids = (await daemon.must("ps", "-aq")).split("\n").filter(Boolean);
  if (ids.length > 0) await daemon.must("rm", "-f", ...ids);
});

const shell = (flags: string[], script: string) =>
  daemon.must("run", "--rm", ...flags, "busybox", "sh", "-c", script);

/** Answers each connection with its own name. */
const server = (name: string, port = 80) => [
  ...["busybox", "sh", "-c"],
  `while :; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\n${name}' | nc -l -p ${port} >/dev/null; done`,
];

async function answers(url: string, what: string): Promise<void> {
  await until(`${url} answers ${what}`, async () => {
    const { stdout } = await run(["curl", "-s", "-m", "2", url]);
    return stdout === what;
  });
}

const address = (name: string) =>
  daemon.inspect(name, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");

/** busybox has no server for UDP: one of ours answers on port 53 of the container's network namespace. */
async function echoOverUdp(pid: string, port: number): Promise<string> {
  const script =
    "await Bun.udpSocket({ port: 53, socket: { data: (s, d, port, host) => void s.send(d, port, host) } }); console.log(1)";
  const server = Bun.spawn(["nsenter", "-t", pid, "-n", process.execPath, "-e", script], { stdout: "pipe" });
  try {
    await server.stdout.getReader().read();
    const { promise, resolve } = Promise.withResolvers<string>();
    const socket = await Bun.udpSocket({ socket: { data: (_socket, data) => resolve(data.toString()) } });
    socket.send("ping", port, "127.0.0.1");
    const answer = await Promise.race([promise, Bun.sleep(5000).then(() => "nothing")]);
    socket.close();
    return answer;
  } finally {
    server.kill();
    await server.exited;
  }
}

/** An address of this machine that is not loopback. */
const hostAddress = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === "IPv4" && !one.internal)?.address;

test("none has loopback alone, host has the host's links, container:x has that container's", async () => {
  const list = "ls /sys/class/net | tr '\\n' ' '";
  expect(await shell(["--network", "none"], list)).toBe("lo");
  const { stdout } = await run(["sh", "-c", list]);
  expect((await shell(["--network", "host"], list)).split(" ")).toContain("lo");
  expect(stdout.split(" ").length).toBeGreaterThan(2);
  expect((await shell(["--network", "host"], list)).split(" ").length).toBeGreaterThan(2);
  await daemon.must("run", "-d", "--name", "owner", "busybox", "sleep", "60");
  const own = "readlink /proc/self/ns/net; hostname; cat /etc/hosts | tail -1";
  expect(await shell(["--network", "container:owner"], own)).toBe(
    await daemon.must("exec", "owner", "sh", "-c", own),
  );
});

test("containers on the bridge reach each other and the host by address, not by name", async () => {
  await daemon.must("run", "-d", "--name", "web", ...server("web"));
  const ip = await address("web");
  await answers(`http://${ip}/`, "web");
  const fetched = `for i in 1 2 3 4 5 6 7 8 9; do wget -q -O - http://${ip}/ && break; sleep 0.1; done`;
  expect(await shell([], fetched)).toBe("web");
  expect((await daemon.docker("run", "--rm", "busybox", "nslookup", "web")).code).not.toBe(0);
  const gateway = await daemon.inspect("web", "{{.NetworkSettings.Networks.bridge.Gateway}}");
  expect(await shell([], `ping -c 1 -w 2 ${gateway} | grep -c '1 packets received'`)).toBe("1");
});

describe.each(clients)("%s", (_name, program) => {
  beforeAll(() => {
    daemon.client = program;
  });

  test("-p publishes on loopback and on the host's addresses; port and ps tell", async () => {
    const port = await freePort();
    await daemon.must("run", "-d", "--name", "web", "-p", `${port}:80`, ...server("published"));
    await answers(`http://127.0.0.1:${port}/`, "published");
    await answers(`http://localhost:${port}/`, "published");
    if (hostAddress) await answers(`http://${hostAddress}:${port}/`, "published");
    expect(await daemon.must("port", "web", "80")).toContain(`0.0.0.0:${port}`);
    expect(await daemon.must("ps", "--format", "{{.Ports}}")).toContain(`0.0.0.0:${port}->80/tcp`);
    await daemon.must("stop", "-t", "0", "web");
    expect((await run(["curl", "-s", "-m", "2", `http://127.0.0.1:${port}/`])).code).toBe(7);
    await daemon.must("start", "web");
    await answers(`http://127.0.0.1:${port}/`, "published");
  });

  test("-p with a host address publishes there alone", async () => {
    const port = await freePort();
    await daemon.must("run", "-d", "--name", "web", "-p", `127.0.0.1:${port}:80`, ...server("local"));
    await answers(`http://127.0.0.1:${port}/`, "local");
    if (hostAddress)
      expect((await run(["curl", "-s", "-m", "2", `http://${hostAddress}:${port}/`])).code).toBe(7);
    expect(await daemon.must("port", "web")).toBe(`80/tcp -> 127.0.0.1:${port}`);
  });

  test("a port that is taken is refused, and nothing half done stays", async () => {
    const port = await freePort();
    await daemon.must("run", "-d", "--name", "first", "-p", `127.0.0.1:${port}:80`, ...server("first"));
    const second = await daemon.docker(
      "run",
      "--name",
      "second",
      "-p",
      `127.0.0.1:${port}:80`,
      "busybox",
      "true",
    );
    expect(second.code).toBe(125);
    expect(second.stderr).toMatch(
      new RegExp(
        `driver failed programming external connectivity on endpoint second \\([0-9a-f]{64}\\): Bind for 127.0.0.1:${port} failed: port is already allocated`,
      ),
    );
    expect(await daemon.inspect("second", "{{.State.Status}}")).toBe("created");
    await answers(`http://127.0.0.1:${port}/`, "first");
    await daemon.must("rm", "-f", "first");
    await daemon.must("start", "second");
  });

  test("ports of no choice, ranges, -P, and UDP", async () => {
    await daemon.must("run", "-d", "--name", "any", "-p", "127.0.0.1::80", ...server("any"));
    const told = await daemon.must("port", "any", "80/tcp");
    expect(told).toMatch(/^127\.0\.0\.1:\d+$/);
    await answers(`http://${told}/`, "any");
    await daemon.must("run", "-d", "--name", "all", "-P", "--expose", "80", ...server("all"));
    const all = (await daemon.must("port", "all", "80")).split("\n")[0]?.replace("0.0.0.0", "127.0.0.1");
    await answers(`http://${all}/`, "all");
    const first = await freePort();
    const flags = ["-p", `127.0.0.1:${first}-${first + 1}:90-91`];
    await daemon.must("run", "-d", "--name", "range", ...flags, ...server("ninety-one", 91));
    await answers(`http://127.0.0.1:${first + 1}/`, "ninety-one");
    const udp = await freePort();
    await daemon.must(
      "run",
      "-d",
      "--name",
      "udp",
      "-p",
      `127.0.0.1:${udp}:53/udp`,
      "busybox",
      "sleep",
      "60",
    );
    expect(await daemon.must("port", "udp")).toBe(`53/udp -> 127.0.0.1:${udp}`);
    expect(await echoOverUdp(await daemon.inspect("udp", "{{.State.Pid}}"), udp)).toBe("ping");
  });
});
