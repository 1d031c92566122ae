import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, run } from "../harness/process.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());

const now = () => (Date.now() / 1000).toFixed(3);

/** What `docker events` prints of what `work` does, with one line for each event. */
async function eventsOf(
  work: () => Promise<unknown>,
  { client = daemon.client, filters = [] as string[], format = "{{.Type}} {{.Action}}" } = {},
): Promise<string[]> {
  const since = now();
  await work();
  await Bun.sleep(5);
  const asked = filters.flatMap((filter) => ["--filter", filter]);
  const { stdout, stderr } = await run(
    [client, "events", "--since", since, "--until", now(), "--format", format, ...asked],
    { env: daemon.env },
  );
  return (stdout + stderr).split("\n").filter(Boolean);
}

describe.each(clients)("with %s", (_name, client) => {
  test("a run tells of everything that is made and of its end, in order", async () => {
    const told = await eventsOf(() => daemon.must("run", "--rm", "-v", "/kept", "busybox", "true"), {
      client,
    });
    expect(told).toEqual([
      "volume create",
      "container create",
      "container attach",
      "network connect",
      "volume mount",
      "container start",
      "container die",
      "network disconnect",
      "volume unmount",
      "volume destroy",
      "container destroy",
    ]);
  });

  test("who stops a container that removes itself tells of it before it is gone", async () => {
    const id = await daemon.must("run", "-d", "--rm", "--network", "none", "busybox", "sleep", "60");
    const told = await eventsOf(
      async () => {
        await daemon.must("stop", "-t", "0", id);
        await daemon.docker("wait", id);
      },
      { client, format: "{{.Action}} {{.Actor.Attributes.signal}}" },
    );
    const none = "<no value>";
    expect(told).toEqual([
      "kill 15",
      "kill 9",
      `die ${none}`,
      `disconnect ${none}`,
      `stop ${none}`,
      `destroy ${none}`,
    ]);
  });

  test("an exec tells of its command, and how it ended", async () => {
    const id = await daemon.must("run", "-d", "busybox", "sleep", "60");
    const told = await eventsOf(
      async () => {
        await daemon.docker("exec", id, "sh", "-c", "exit 3");
        await daemon.docker("exec", id, "true");
      },
      { client, format: "{{.Action}}|{{.Actor.Attributes.exitCode}}" },
    );
    expect(told).toEqual([
      "exec_create: sh -c exit 3|<no value>",
      "exec_start: sh -c exit 3|<no value>",
      "exec_die|3",
      "exec_create: true |<no value>",
      "exec_start: true |<no value>",
      "exec_die|0",
    ]);
    await daemon.must("rm", "-f", id);
  });

  test("a line shows all that is known, and the time to the nanosecond", async () => {
    const work = () => daemon.must("run", "--name", "told", "--label", "b=2", "--rm", "busybox", "true");
    const since = now();
    await work();
    await Bun.sleep(5);
    const until = now();
    const ask = (...args: string[]) =>
      run([client, "events", "--since", since, "--until", until, "--filter", "event=die", ...args], {
        env: daemon.env,
      });
    const [plain, json] = [await ask(), await ask("--format", "json")];
    const { Actor } = JSON.parse(json.stdout);
    const nanos = /"timeNano":(\d+)/.exec(json.stdout)?.[1] ?? "";
    // Whole seconds: of a machine that is busy, one or two.
    const { execDuration } = Actor.Attributes;
    expect(execDuration).toMatch(/^\d$/);
    const time = new Date(Number(nanos.slice(0, -6))).toISOString().slice(0, 19);
    expect(nanos).toMatch(/^\d{19}$/);
    expect(plain.stdout.replace(/^(\S+)[+-]\d\d:\d\d /, "$1Z ")).toBe(
      `${time}.${nanos.slice(-9)}Z container die ${Actor.ID} (b=2, execDuration=${execDuration}, exitCode=0, image=busybox, name=told)\n`,
    );
  });
});

test("events that are asked for twice are told alike: their times are exact", async () => {
  const ask = `http://x/v1.47/events?since=${now()}&until=`;
  await daemon.must("run", "--rm", "busybox", "true");
  const curl = async (url: string) =>
    (await run(["curl", "-s", "--unix-socket", daemon.socket, url])).stdout.trim().split("\n");
  const end = (Date.now() / 1000 + 0.01).toFixed(3);
  const live = await curl(ask + end);
  expect(await curl(ask + end)).toEqual(live);
  const times = live.map((line) => BigInt(/"timeNano":(\d+)/.exec(line)?.[1] ?? 0));
  expect(times.length).toBeGreaterThan(5);
  expect(times).toEqual([...new Set(times)].sort((a, b) => (a < b ? -1 : 1)));
  // Some of them need more bits than a number has.
  expect(times.some((time) => BigInt(Number(time)) !== time)).toBe(true);
});

test("filters choose by type, action, object, image and label", async () => {
  const since = now();
  const id = await daemon.must("create", "--name", "chosen", "--label", "of=mine", "busybox:latest", "true");
  await daemon.must("start", "-a", "chosen");
  await daemon.must("volume", "create", "vessel");
  await daemon.must("volume", "rm", "vessel");
  await daemon.must("rm", "chosen");
  const until = (Date.now() / 1000 + 0.005).toFixed(3);
  const count = async (...filters: string[]) => {
    const args = filters.flatMap((filter) => ["--filter", filter]);
    const told = await daemon.must("events", "--since", since, "--until", until, ...args);
    return told.split("\n").filter(Boolean).length;
  };
  expect(await count("type=volume")).toBe(2);
  expect(await count("volume=vessel")).toBe(2);
  expect(await count("volume=ves")).toBe(2);
  expect(await count("event=create")).toBe(2);
  expect(await count("event=create", "type=container")).toBe(1);
  expect(await count("event=die", "event=start")).toBe(2);
  expect(await count("container=chosen")).toBe(5);
  expect(await count(`container=${id.slice(0, 12)}`)).toBe(5);
  expect(await count("container=other")).toBe(0);
  expect(await count("image=busybox")).toBe(5);
  expect(await count("image=busybox:latest")).toBe(5);
  expect(await count("label=of")).toBe(5);
  expect(await count("label=of=mine")).toBe(5);
  expect(await count("label=of=yours")).toBe(0);
  expect(await count("network=bridge")).toBe(2);
  expect(await count("scope=local", "type=network")).toBe(2);
  expect(await count("scope=swarm")).toBe(0);
});

test("nonsense is refused with Docker's words", async () => {
  const refused = async (...args: string[]) => (await daemon.docker("events", ...args)).stderr.trim();
  expect(await refused("--since", "10", "--until", "5")).toBe(
    "Error response from daemon: `since` time (10) cannot be after `until` time (5)",
  );
});

test("the history survives the death of the daemon", async () => {
  const since = now();
  await daemon.must("run", "--name", "before", "busybox", "true");
  await daemon.end("SIGKILL");
  await daemon.launch();
  await daemon.must("rm", "before");
  await Bun.sleep(5);
  const format = "{{.Action}} {{.Actor.Attributes.name}}";
  const told = await daemon.must("events", "--since", since, "--until", now(), "--format", format);
  expect(told.split("\n")).toEqual([
    "create before",
    "attach before",
    "connect bridge",
    "start before",
    "die before",
    "disconnect bridge",
    "destroy before",
  ]);
});

test("prune, rename, update and pause are told with what they did", async () => {
  const format = "{{.Type}} {{.Action}} {{json .Actor.Attributes}}";
  const told = await eventsOf(
    async () => {
      await daemon.must("run", "-d", "--name", "old", "busybox", "sleep", "60");
      await daemon.must("rename", "old", "new");
      await daemon.must("update", "--pids-limit", "50", "new");
      await daemon.must("pause", "new");
      await daemon.must("unpause", "new");
      await daemon.must("kill", "new");
      await daemon.must("container", "prune", "-f");
      await daemon.must("volume", "prune", "-f");
    },
    { format },
  );
  const ofNew = '{"image":"busybox","name":"new"}';
  const lines = told
    .filter((line) => !line.includes("create") && !line.startsWith("network"))
    .map((line) => line.replace(/"execDuration":"\d"/, '"execDuration":"<seconds>"'));
  expect(lines).toEqual([
    'container start {"image":"busybox","name":"old"}',
    'container rename {"image":"busybox","name":"new","oldName":"/old"}',
    `container update ${ofNew}`,
    `container pause ${ofNew}`,
    `container unpause ${ofNew}`,
    'container kill {"image":"busybox","name":"new","signal":"9"}',
    'container die {"execDuration":"<seconds>","exitCode":"137","image":"busybox","name":"new"}',
    `container destroy ${ofNew}`,
    'container prune {"reclaimed":"0"}',
    'volume prune {"reclaimed":"0"}',
  ]);
});
