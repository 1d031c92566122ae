import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, until } from "../harness/process.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());
afterEach(async () => {
  await daemon.docker("rm", "-f", "it");
});

/** A client that runs on while the test goes on. */
function client(...args: string[]) {
  return Bun.spawn([daemon.client, ...args], {
    env: { ...process.env, ...daemon.env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
}

const running = () =>
  until("it runs", async () => (await daemon.docker("inspect", "it")).stdout.includes('"running"'));

describe.each(clients)("%s", (_name, program) => {
  beforeAll(() => {
    daemon.client = program;
  });

  test("attach shows what comes from now on, and ends with the container's code", async () => {
    const script = "echo before; read line; echo after $line; echo complaint >&2; exit 6";
    await daemon.must("run", "-d", "-i", "--name", "it", "busybox", "sh", "-c", script);
    await until("it has begun", async () => (await daemon.must("logs", "it")) === "before");
    const { stdout, stderr, code } = await daemon.feed("input\n", "attach", "it");
    expect({ stdout, stderr, code }).toEqual({ stdout: "after input\n", stderr: "complaint\n", code: 6 });
    expect(await daemon.must("logs", "it")).toBe("before\nafter input");
  });

  test("the end of the client's input ends the container's, and output still comes", async () => {
    const script = "cat > /tmp/all; sleep 0.2; wc -c < /tmp/all";
    const { stdout, code } = await daemon.feed("12345", "run", "-i", "--rm", "busybox", "sh", "-c", script);
    expect({ stdout, code }).toEqual({ stdout: "5\n", code: 0 });
  });

  test("several clients see the same output; one that leaves takes nothing along", async () => {
    const script = "read go; for i in 1 2 3; do echo $i; done; read end";
    await daemon.must("run", "-d", "-i", "--name", "it", "busybox", "sh", "-c", script);
    const leaver = client("attach", "--no-stdin", "it");
    const watchers = [client("attach", "--no-stdin", "it"), client("attach", "--no-stdin", "it")];
    await Bun.sleep(200);
    leaver.kill("SIGKILL");
    await leaver.exited;
    const writer = client("attach", "it");
    writer.stdin.write("go\nend\n");
    await writer.stdin.flush();
    for (const one of [...watchers, writer]) {
      expect(await new Response(one.stdout).text()).toBe("1\n2\n3\n");
      expect(await one.exited).toBe(0);
    }
  });

  test("a client that does not read does not stop the container or the others", async () => {
    const script = "read go; yes 0123456789 | head -c 8000000; echo done >&2";
    await daemon.must("run", "-d", "-i", "--name", "it", "busybox", "sh", "-c", script);
    const stuck = client("attach", "--no-stdin", "it");
    await Bun.sleep(100);
    stuck.kill("SIGSTOP");
    try {
      const { stdout, stderr, code } = await daemon.feed("go\n", "attach", "it");
      expect({ length: stdout.length, stderr, code }).toEqual({
        length: 8_000_000,
        stderr: "done\n",
        code: 0,
      });
      expect(await daemon.must("wait", "it")).toBe("0");
    } finally {
      stuck.kill("SIGKILL");
      await stuck.exited;
    }
  });

  test("signals to the client go to the container; --sig-proxy=false keeps them", async () => {
    const script =
      "trap 'echo term; exit 7' TERM; trap 'echo hup' HUP; echo up; while :; do sleep 0.05; done";
    const proxied = client("run", "--rm", "--name", "it", "busybox", "sh", "-c", script);
    await running();
    await until("it is up", async () => (await daemon.must("logs", "it")).includes("up"));
    proxied.kill("SIGHUP");
    await until("it heard", async () => (await daemon.must("logs", "it")).includes("hup"));
    proxied.kill("SIGTERM");
    expect(await new Response(proxied.stdout).text()).toBe("up\nhup\nterm\n");
    expect(await proxied.exited).toBe(7);

    await daemon.must("run", "-d", "--name", "it", "busybox", "sleep", "60");
    const apart = client("attach", "--no-stdin", "--sig-proxy=false", "it");
    await Bun.sleep(200);
    apart.kill("SIGTERM");
    await Bun.sleep(200);
    apart.kill("SIGKILL");
    await apart.exited;
    expect(await daemon.inspect("it", "{{.State.Running}}")).toBe("true");
  });

  test("attach to what does not run is refused", async () => {
    await daemon.must("create", "--name", "it", "busybox", "true");
    const { code, stderr } = await daemon.docker("attach", "it");
    expect(code).toBe(1);
    expect(stderr).toContain("cannot attach to a stopped container, start it first");
  });
});
