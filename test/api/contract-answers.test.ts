import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import {
  ContainerInspectResponse,
  ContainerState,
  ContainerSummary,
  ContainerWaitResponse,
  EndpointSettings,
  MountPoint,
  NetworkSettings,
} from "../../src/api/containers.ts";
import { listFilters } from "../../src/containers/list.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";
import { ask } from "./ask.ts";

/*
 * What the API tells of containers, by the names of the published description: each field of inspect's State, Mounts and
 * NetworkSettings, each filter of the list, the sizes, and the conditions of wait. A name without a row is an error.
 */

type Json = Record<string, unknown>;
interface Inspect extends Json {
  Id: string;
  State: Json;
  Mounts: (Json & { Destination: string })[];
  NetworkSettings: Json & { Networks: Record<string, Json> };
}

const never = "0001-01-01T00:00:00Z";
const aTime = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
const aMac = expect.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
const anId = expect.stringMatching(/^[0-9a-f]{64}$/);
const aPort = expect.stringMatching(/^\d+$/);

let daemon: TestDaemon;

/** What is made before the tests, by its name. */
const containers: Record<string, readonly string[]> = {
  created: ["create", "--label", "kind=new", "--label", "plain"],
  running: [
    ...["run", "-d", "--health-cmd", "echo fine", "--health-interval", "200ms", "--stop-timeout", "0"],
    ...["-p", "127.0.0.1::80", "--expose", "81", "--expose", "90-92/udp"],
    ...["-v", "kept:/volume", "-v", "/usr:/bind:ro", "--mount", "type=tmpfs,target=/tmpfs"],
    ...["--mount", "type=image,source=busybox,target=/image"],
  ],
  connected: [
    ...["run", "-d", "--network", "own", "--network-alias", "nick", "--ip", "10.124.45.9"],
    ...["--health-cmd", "false", "--health-interval", "100ms", "--health-retries", "1"],
  ],
  paused: ["run", "-d"],
  flapping: ["run", "-d", "--restart", "always"],
  ended: ["run"],
  hungry: ["run", "-m", "8m", "--memory-swap", "8m"],
  broken: ["run"],
};
const programs: Record<string, readonly string[]> = {
  flapping: ["false"],
  ended: ["sh", "-c", "printf 12345 > /file; exit 3"],
  hungry: ["sh", "-c", "x=0123456789; while :; do x=$x$x; done"],
  broken: ["nosuchprogram"],
};

/** For each field: a container, and what is told of it. */
type Rows = Record<string, [container: string, told: unknown][]>;

const state: Rows = {
  Status: [
    ["created", "created"],
    ["running", "running"],
    ["paused", "paused"],
    ["ended", "exited"],
    ["broken", "created"],
  ],
  Running: [
    ["created", false],
    ["running", true],
    ["paused", true],
    ["ended", false],
  ],
  Paused: [
    ["paused", true],
    ["running", false],
  ],
  Restarting: [["running", false]],
  OOMKilled: [
    ["hungry", true],
    ["ended", false],
  ],
  Dead: [
    ["running", false],
    ["ended", false],
  ],
  Pid: [
    ["running", expect.any(Number)],
    ["ended", 0],
  ],
  ExitCode: [
    ["ended", 3],
    ["hungry", 137],
    ["broken", 127],
    ["running", 0],
  ],
  Error: [
    ["broken", expect.stringContaining('exec: "nosuchprogram": executable file not found in $PATH')],
    ["ended", ""],
  ],
  StartedAt: [
    ["created", never],
    ["running", aTime],
    ["ended", aTime],
  ],
  FinishedAt: [
    ["created", never],
    ["running", never],
    ["ended", aTime],
  ],
  Health: [
    [
      "running",
      {
        Status: "healthy",
        FailingStreak: 0,
        Log: expect.arrayContaining([
          { Start: expect.any(String), End: expect.any(String), ExitCode: 0, Output: "fine\n" },
        ]),
      },
    ],
    ["connected", expect.objectContaining({ Status: "unhealthy" })],
    ["ended", undefined],
  ],
};

/** By the place in the container; fields that have no meaning for a kind are not shown. */
const mounts: Record<string, Json> = {
  "/volume": {
    Type: "volume",
    Name: "kept",
    Source: expect.stringMatching(/\/volumes\/kept\/_data$/),
    Destination: "/volume",
    Driver: "local",
    Mode: "z",
    RW: true,
    Propagation: "",
  },
  "/bind": {
    Type: "bind",
    Source: "/usr",
    Destination: "/bind",
    Mode: "ro",
    RW: false,
    Propagation: "rprivate",
  },
  "/tmpfs": { Type: "tmpfs", Source: "", Destination: "/tmpfs", Mode: "", RW: true, Propagation: "" },
  "/image": expect.objectContaining({ Type: "image", Destination: "/image", RW: false }),
};

const network: Rows = {
  Bridge: [["running", ""]],
  SandboxID: [
    ["running", anId],
    ["ended", ""],
  ],
  SandboxKey: [
    ["running", expect.stringMatching(/^\/.+/)],
    ["ended", ""],
  ],
  Ports: [
    [
      "running",
      {
        "80/tcp": [{ HostIp: "127.0.0.1", HostPort: aPort }],
        "81/tcp": null,
        "90/udp": null,
        "91/udp": null,
        "92/udp": null,
      },
    ],
    ["ended", {}],
  ],
  HairpinMode: [["running", false]],
  LinkLocalIPv6Address: [["running", ""]],
  LinkLocalIPv6PrefixLen: [["running", 0]],
  SecondaryIPAddresses: [["running", null]],
  SecondaryIPv6Addresses: [["running", null]],
  EndpointID: [
    ["running", anId],
    ["connected", ""],
  ],
  Gateway: [
    ["running", expect.stringMatching(/^\d+\.\d+\.\d+\.1$/)],
    ["connected", ""],
  ],
  GlobalIPv6Address: [["running", ""]],
  GlobalIPv6PrefixLen: [["running", 0]],
  IPAddress: [
    ["running", expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/)],
    ["connected", ""],
  ],
  IPPrefixLen: [
    ["running", expect.any(Number)],
    ["connected", 0],
  ],
  IPv6Gateway: [["running", ""]],
  MacAddress: [
    ["running", aMac],
    ["connected", ""],
  ],
  Networks: [
    ["running", { bridge: expect.any(Object) }],
    ["connected", { own: expect.any(Object) }],
    ["created", { bridge: expect.objectContaining({ IPAddress: "", EndpointID: "" }) }],
  ],
};

/** Of `connected`, in `own`. */
const endpoint: Json = {
  IPAMConfig: { IPv4Address: "10.124.45.9" },
  Links: null,
  MacAddress: aMac,
  Aliases: ["nick"],
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: anId,
  EndpointID: anId,
  Gateway: "10.124.45.1",
  IPAddress: "10.124.45.9",
  IPPrefixLen: 24,
  IPv6Gateway: "fd00:124:45::1",
  GlobalIPv6Address: expect.stringMatching(/^fd00:124:45::/),
  GlobalIPv6PrefixLen: 64,
  DNSNames: expect.arrayContaining(["connected", "nick"]),
};

const everyone = [...Object.keys(containers), "child"];
const without = (...names: string[]) => everyone.filter((name) => !names.includes(name));
/** The containers that a filter finds, by its values; `{ID}` is the id of a container. A text: how it is refused. */
const filters: Record<string, [value: string, found: readonly string[] | string][]> = {
  ancestor: [
    ["busybox", everyone],
    ["busybox:latest", everyone],
    ["derived", ["child"]],
    ["{image}", everyone],
    ["nosuch", []],
  ],
  before: [
    ["running", ["created"]],
    ["nosuch", "No such container: nosuch"],
  ],
  since: [
    ["{broken}", ["child"]],
    ["nosuch", "No such container: nosuch"],
  ],
  exited: [
    ["3", ["ended"]],
    ["137", ["hungry"]],
    ["x", "invalid filter 'exited=x'"],
  ],
  expose: [
    ["81", ["running"]],
    ["91/udp", ["running"]],
    ["70-85/tcp", ["running"]],
    ["91/tcp", []],
    ["9-8", "invalid range specified for port"],
  ],
  publish: [
    ["{port}", ["running"]],
    ["{port}/udp", []],
    ["1-65535/tcp", ["running"]],
    ["1:2", "filter for 'publish' should not contain ':'"],
  ],
  health: [
    ["healthy", ["running"]],
    ["unhealthy", ["connected"]],
    ["starting", []],
    ["none", without("running", "connected")],
    [
      "x",
      "invalid filter 'health=x': invalid value for health (x): must be one of none, starting, healthy, unhealthy",
    ],
  ],
  id: [
    ["{ended}", ["ended"]],
    ["nosuch", []],
  ],
  isolation: [["default", everyone]],
  "is-task": [
    ["false", everyone],
    ["true", []],
    ["x", "invalid filter"],
  ],
  label: [
    ["kind", ["created"]],
    ["kind=new", ["created"]],
    ["kind=old", []],
    ["plain", ["created"]],
  ],
  name: [
    ["^/paused$", ["paused"]],
    ["ed$", ["created", "connected", "paused", "ended"]],
  ],
  network: [
    ["own", ["connected"]],
    ["{network}", ["connected"]],
    ["bridge", without("connected")],
    ["nosuch", []],
  ],
  status: [
    ["created", ["created", "broken"]],
    ["running", ["running", "connected", "child"]],
    ["paused", ["paused"]],
    ["exited", ["ended", "hungry"]],
    ["dead", []],
    ["removing", []],
    ["x", "invalid filter 'status=x': invalid value for state (x): must be one of created, running"],
  ],
  volume: [
    ["kept", ["running"]],
    ["/volume", ["running"]],
    ["/bind", ["running"]],
    ["nosuch", []],
  ],
};

const names = (schema: object) => Object.keys((schema as { fields: object }).fields).sort();

test("no field, filter or condition is without a row", () => {
  expect(Object.keys(state).sort()).toEqual(names(ContainerState));
  expect(Object.keys(mounts["/volume"] ?? {}).sort()).toEqual(names(MountPoint));
  expect(Object.keys(network).sort()).toEqual(names(NetworkSettings));
  expect(Object.keys(endpoint).sort()).toEqual(names(EndpointSettings));
  expect(Object.keys(filters).sort()).toEqual(listFilters);
  expect(names(ContainerWaitResponse)).toEqual(["Error", "StatusCode"]);
  for (const schema of [ContainerInspectResponse, ContainerSummary]) {
    expect(names(schema)).toEqual(expect.arrayContaining(["SizeRootFs", "SizeRw"]));
  }
});

const inspect = async (name: string, query = "") =>
  (await ask<Inspect>(daemon, "GET", `/containers/${name}/json${query}`)).json;

async function make(name: string, how: readonly string[]): Promise<void> {
  const program = programs[name] ?? ["sleep", "1000"];
  await daemon.docker(...how, "--name", name, "busybox", ...program);
}

describe("what is told of containers", () => {
  beforeAll(async () => {
    daemon = await TestDaemon.start({ images: ["busybox"] });
    const subnets = ["--ipv6", "--subnet", "10.124.45.0/24", "--subnet", "fd00:124:45::/64"];
    await daemon.must("network", "create", ...subnets, "own");
    // One after the other: `before` and `since` ask for the order.
    for (const [name, how] of Object.entries(containers)) await make(name, how);
    await daemon.must("pause", "paused");
    await daemon.must("commit", "ended", "derived");
    await daemon.must("run", "-d", "--name", "child", "derived", "sleep", "1000");
    for (const [name, health] of [
      ["running", "healthy"],
      ["connected", "unhealthy"],
    ] as const) {
      await until(health, async () => (await daemon.inspect(name, "{{.State.Health.Status}}")) === health);
    }
  }, 60_000);
  afterAll(() => daemon[Symbol.asyncDispose](), 60_000);

  test.each(Object.entries(state))("State.%s", async (field, rows) => {
    for (const [name, told] of rows) expect((await inspect(name)).State[field]).toEqual(told);
  });

  test("a container between two starts is restarting", async () => {
    await until(
      "it waits for its next start",
      async () => (await inspect("flapping")).State.Restarting === true,
    );
  });

  test("the process of State.Pid is there", async () => {
    expect(existsSync(`/proc/${(await inspect("running")).State.Pid}/cgroup`)).toBe(true);
  });

  test("Mounts", async () => {
    const told = (await inspect("running")).Mounts;
    const byPlace: Record<string, Json> = Object.fromEntries(told.map((one) => [one.Destination, one]));
    expect(byPlace).toEqual(mounts);
  });

  test.each(Object.entries(network))("NetworkSettings.%s", async (field, rows) => {
    for (const [name, told] of rows) expect((await inspect(name)).NetworkSettings[field]).toEqual(told);
  });

  test("NetworkSettings.Networks has what the container has", async () => {
    const told = (await inspect("connected")).NetworkSettings.Networks.own ?? {};
    expect(told).toEqual(endpoint);
    const has = (what: string) => daemon.must("exec", "connected", "sh", "-c", what);
    expect(await has("cat /sys/class/net/eth0/address")).toBe(String(told.MacAddress));
    expect(await has("ip -6 -o address show eth0")).toContain(`${told.GlobalIPv6Address}/64`);
    const { SandboxKey } = (await inspect("connected")).NetworkSettings;
    expect(existsSync(String(SandboxKey))).toBe(true);
  });

  const listed = (filter: object, query = "") =>
    ask<(Json & { Names: string[] })[]>(
      daemon,
      "GET",
      `/containers/json?all=1${query}&filters=${encodeURIComponent(JSON.stringify(filter))}`,
    );

  test.each(Object.entries(filters))("the list by %s", async (filter, rows) => {
    for (const [pattern, found] of rows) {
      const { code, json } = await listed({ [filter]: [await filledIn(pattern)] });
      if (typeof found === "string") {
        expect(code).toBeGreaterThanOrEqual(400);
        expect((json as unknown as { message: string }).message).toContain(found);
        continue;
      }
      const told = json.map(({ Names }) => (Names[0] ?? "").slice(1));
      // Now it runs, now it waits.
      const settled = filter === "status" ? told.filter((name) => name !== "flapping") : told;
      expect({ pattern, found: settled.sort() }).toEqual({ pattern, found: found.toSorted() });
    }
  });

  /** Patterns name what only exists by now. */
  async function filledIn(pattern: string): Promise<string> {
    const name = /^\{(\w+)\}/.exec(pattern)?.[1];
    const known: Record<string, () => Promise<string>> = {
      image: () => daemon.must("image", "inspect", "--format", "{{.Id}}", "busybox"),
      network: async () =>
        (await daemon.must("network", "inspect", "--format", "{{.Id}}", "own")).slice(0, 12),
      port: async () => (await daemon.must("port", "running", "80")).replace(/.*:/, ""),
    };
    if (name === undefined) return pattern;
    const value = await (known[name]?.() ?? inspect(name).then(({ Id }) => Id));
    return pattern.replace(/^\{\w+\}/, value);
  }

  test("filters of an unknown name are refused", async () => {
    expect((await listed({ nosuch: ["x"] })).code).toBe(400);
  });

  test("SizeRw and SizeRootFs, only where they are asked for", async () => {
    const image = Number((await inspect("created", "?size=1")).SizeRootFs);
    expect(image).toBeGreaterThan(100_000);
    const sizes = { SizeRw: 5, SizeRootFs: image + 5 };
    expect(await inspect("ended", "?size=1")).toMatchObject(sizes);
    expect((await listed({ name: ["ended"] }, "&size=1")).json).toMatchObject([sizes]);
    for (const told of [await inspect("ended"), ...(await listed({ name: ["ended"] })).json]) {
      expect(told).not.toHaveProperty("SizeRw");
      expect(told).not.toHaveProperty("SizeRootFs");
    }
  });
});

describe("wait", () => {
  beforeAll(async () => {
    daemon = await TestDaemon.start({ images: ["busybox"] });
  }, 60_000);
  afterAll(() => daemon[Symbol.asyncDispose](), 60_000);

  /** A wait, and whether it has been answered. */
  function waiting(name: string, condition: string) {
    const told = { answered: false };
    const query = condition === "" ? "" : `?condition=${condition}`;
    const answer = ask(daemon, "POST", `/containers/${name}/wait${query}`).finally(() => {
      told.answered = true;
    });
    return { told, answer };
  }
  const answers = (StatusCode: number) => ({ code: 200, json: { StatusCode } });

  test("not-running, which is the default, is so at once when nothing runs", async () => {
    await daemon.docker("run", "--name", "over", "busybox", "sh", "-c", "exit 4");
    for (const condition of ["", "not-running"])
      expect(await waiting("over", condition).answer).toEqual(answers(4));
  });

  test("next-exit waits for an end that is still to come, removed for the removal", async () => {
    await daemon.docker(
      "run",
      "--name",
      "again",
      "busybox",
      "sh",
      "-c",
      "[ -e /ran ] && exec sleep 1000; touch /ran; exit 4",
    );
    const next = waiting("again", "next-exit");
    const removed = waiting("again", "removed");
    await daemon.must("start", "again");
    const running = waiting("again", "not-running");
    await daemon.must("exec", "again", "true");
    expect([next, removed, running].map(({ told }) => told.answered)).toEqual([false, false, false]);
    await daemon.must("kill", "again");
    expect(await next.answer).toEqual(answers(137));
    expect(await running.answer).toEqual(answers(137));
    expect(removed.told.answered).toBe(false);
    await daemon.must("rm", "again");
    expect(await removed.answer).toEqual(answers(137));
  });

  test("what there is not is refused", async () => {
    await daemon.must("create", "--name", "idle", "busybox");
    expect(await waiting("idle", "nosuch").answer).toEqual({
      code: 400,
      json: { message: 'invalid condition: "nosuch"' },
    });
    expect((await waiting("nosuch", "").answer).code).toBe(404);
  });
});
