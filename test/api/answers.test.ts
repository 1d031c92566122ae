import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { TestDaemon } from "../harness/daemon.ts";
import { call, daemonWithBusybox } from "./daemon-fixture.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await daemonWithBusybox();
  await daemon.must("run", "-d", "--name", "running", "busybox", "sleep", "1000");
  await daemon.must("create", "--name", "idle", "busybox", "true");
}, 60_000);
afterAll(() => daemon[Symbol.asyncDispose](), 60_000);

type Row = [method: string, path: string, body: object | undefined, status: number, message: RegExp | string];

/** What cannot be done, and how it is told. */
const refusals: Row[] = [
  ["GET", "/nosuch", undefined, 404, "page not found"],
  ["GET", "/v1.23/info", undefined, 400, /client version 1\.23 is too old/],
  ["GET", "/v1.99/info", undefined, 400, /client version 1\.99 is too new/],
  ["GET", "/containers/nosuch/json", undefined, 404, "No such container: nosuch"],
  ["GET", "/containers/json?limit=x", undefined, 400, 'strconv.Atoi: parsing "x": invalid syntax'],
  ["GET", '/containers/json?filters={"x":["y"]}', undefined, 400, "invalid filter 'x'"],
  [
    "GET",
    '/containers/json?filters={"status":["x"]}',
    undefined,
    400,
    /invalid filter 'status=x': invalid value for state \(x\): must be one of created, running/,
  ],
  [
    "GET",
    '/containers/json?filters={"health":["x"]}',
    undefined,
    400,
    /invalid filter 'health=x': invalid value for health \(x\)/,
  ],
  ["GET", "/containers/running/logs", undefined, 400, /you must choose at least one stream/],
  ["POST", "/containers/create", undefined, 400, /got EOF while reading request body/],
  ["POST", "/containers/create", {}, 400, /config cannot be empty/],
  ["POST", "/containers/create", { Image: 1 }, 400, /cannot unmarshal number into Go struct field/],
  ["POST", "/containers/create", { Image: "nosuch" }, 404, "No such image: nosuch:latest"],
  [
    "POST",
    "/containers/create?name=idle",
    { Image: "busybox" },
    409,
    /The container name "\/idle" is already in use/,
  ],
  ["POST", "/containers/create?name=!", { Image: "busybox" }, 400, /Invalid container name \(!\)/],
  // Not 404: for that a client would pull the image and try again.
  [
    "POST",
    "/containers/create",
    { Image: "busybox", HostConfig: { VolumesFrom: ["x"] } },
    400,
    "No such container: x",
  ],
  [
    "POST",
    "/containers/create",
    { Image: "busybox", HostConfig: { PidMode: "container:x" } },
    400,
    /No such container: x/,
  ],
  [
    "POST",
    "/containers/create",
    { Image: "busybox", HostConfig: { Links: ["x"] } },
    400,
    /could not get container for x/,
  ],
  [
    "POST",
    "/containers/create",
    { Image: "busybox", HostConfig: { StorageOpt: { size: "1G" } } },
    400,
    /--storage-opt is supported only/,
  ],
  [
    "POST",
    "/containers/idle/kill",
    undefined,
    409,
    /^cannot kill container: idle: container \w{64} is not running$/,
  ],
  [
    "POST",
    "/containers/nosuch/kill",
    undefined,
    404,
    "cannot kill container: nosuch: No such container: nosuch",
  ],
  ["POST", "/containers/idle/pause", undefined, 409, /is not running/],
  ["POST", "/containers/idle/rename", undefined, 400, "Neither old nor new names may be empty"],
  ["POST", "/containers/idle/wait?condition=x", undefined, 400, 'invalid condition: "x"'],
  ["POST", "/containers/idle/exec", { Cmd: ["true"] }, 409, /is not running/],
  ["POST", "/containers/running/exec", {}, 400, "No exec command specified"],
  ["POST", "/exec/nosuch/start", {}, 404, "No such exec instance: nosuch"],
  [
    "DELETE",
    "/containers/running",
    undefined,
    409,
    /container is running: stop the container before removing or force remove/,
  ],
  ["POST", "/containers/running/update", undefined, 400, /got EOF/],
  ["POST", "/containers/running/update", { Memory: 1000 }, 400, "Minimum memory limit allowed is 6MB"],
  ["POST", "/containers/running/update", { RestartPolicy: { Name: "x" } }, 400, /unknown policy 'x'/],
  ["GET", "/containers/idle/top", undefined, 409, /is not running/],
  [
    "GET",
    "/containers/running/top?ps_args=-o%20comm",
    undefined,
    400,
    "Couldn't find PID field in ps output",
  ],
  [
    "GET",
    "/containers/running/archive?path=/nosuch",
    undefined,
    404,
    "Could not find the file /nosuch in container running",
  ],
  ["GET", "/containers/running/archive", undefined, 400, /path/],
  [
    "PUT",
    "/containers/running/archive?path=/etc/passwd",
    undefined,
    400,
    "extraction point is not a directory",
  ],
  ["GET", "/images/nosuch/json", undefined, 404, "No such image: nosuch:latest"],
  ["DELETE", "/images/nosuch", undefined, 404, "No such image: nosuch:latest"],
  ["DELETE", "/images/busybox", undefined, 409, /conflict: unable to (remove repository reference|delete)/],
  ["POST", "/images/busybox/tag?repo=BAD", undefined, 400, /must be lowercase/],
  ["POST", "/images/busybox/tag?repo=sha256", undefined, 400, /refusing to create an ambiguous tag/],
  ["POST", "/commit?container=nosuch", undefined, 404, "No such container: nosuch"],
  ["POST", "/commit?container=idle&changes=BOGUS%20x", undefined, 400, "BOGUS is not a valid change command"],
  ["POST", "/volumes/create", undefined, 400, /got EOF/],
  ["GET", "/volumes/nosuch", undefined, 404, /no such volume/],
  ["GET", "/networks/nosuch", undefined, 404, "network nosuch not found"],
  ["DELETE", "/networks/bridge", undefined, 403, "bridge is a pre-defined network and cannot be removed"],
  [
    "GET",
    '/networks?filters={"dangling":["maybe"]}',
    undefined,
    400,
    /^invalid value for filter 'dangling', must/,
  ],
  [
    "GET",
    '/networks?filters={"dangling":["t"]}',
    undefined,
    400,
    /^invalid value for filter 'dangling', must/,
  ],
  [
    "GET",
    '/networks?filters={"dangling":["true","0"]}',
    undefined,
    400,
    /^got more than one value for filter key/,
  ],
  ["GET", '/volumes?filters={"dangling":["t"]}', undefined, 400, "invalid filter 'dangling=[t]'"],
  [
    "POST",
    '/volumes/prune?filters={"all":["maybe"]}',
    undefined,
    400,
    `invalid filter 'all': strconv.ParseBool: parsing "maybe": invalid syntax`,
  ],
  [
    "POST",
    '/volumes/prune?filters={"all":["t","f"]}',
    undefined,
    400,
    "invalid filter 'all=[f t]': only one value is expected",
  ],
  [
    "GET",
    '/images/search?term=x&filters={"is-official":["maybe"]}',
    undefined,
    400,
    "invalid filter 'is-official=[maybe]'",
  ],
  [
    "POST",
    "/containers/create",
    { Image: "busybox", HostConfig: { NetworkMode: "container:" } },
    400,
    "invalid network mode: invalid container format container:<name|id>",
  ],
  [
    "POST",
    "/networks/nosuch/disconnect",
    { Container: "idle" },
    403,
    /^container \w{64} is not connected to the network nosuch$/,
  ],
  ["GET", "/nodes", undefined, 503, /^This node is not a swarm manager/],
];

describe("what cannot be done", () => {
  for (const [method, path, body, status, message] of refusals) {
    test(`${method} ${path} ${body === undefined ? "" : JSON.stringify(body)}`, async () => {
      const answer = await call(daemon, method, path, body);
      const told = (answer.json as { message?: string } | undefined)?.message ?? answer.text;
      expect(told).toMatch(message);
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toBe("application/json");
    });
  }

  test("a container whose network is not there can be created, and not started", async () => {
    const body = { Image: "busybox", HostConfig: { NetworkMode: "nosuch" } };
    expect((await call(daemon, "POST", "/containers/create?name=lost", body)).status).toBe(201);
    const started = await call(daemon, "POST", "/containers/lost/start");
    expect([started.status, started.json]).toEqual([
      404,
      { message: "failed to set up container networking: network nosuch not found" },
    ]);
    expect((await call(daemon, "DELETE", "/containers/lost")).status).toBe(204);
  });

  test("a container joins the network of one that is there and runs, or is not started", async () => {
    const joining = async (owner: string) => {
      const body = { Image: "busybox", HostConfig: { NetworkMode: `container:${owner}` } };
      await call(daemon, "POST", "/containers/create?name=joining", body);
      const { status, json } = await call(daemon, "POST", "/containers/joining/start");
      await call(daemon, "DELETE", "/containers/joining");
      return [status, json];
    };
    const none = "joining network namespace of container: No such container: nosuch";
    expect(await joining("nosuch")).toEqual([500, { message: none }]);
    const idle = "cannot join network namespace of a non running container: container idle is created";
    expect(await joining("idle")).toEqual([409, { message: idle }]);
  });

  test("a container that is connected already is left as it is where it does not run", async () => {
    const body = { Container: "idle", EndpointConfig: { Aliases: ["later"] } };
    const { status } = await call(daemon, "POST", "/networks/bridge/connect", body);
    expect(status).toBe(200);
    const { json } = await call(daemon, "GET", "/containers/idle/json");
    expect(JSON.stringify(json)).not.toContain("later");
  });

  test("a container that is paused cannot be started", async () => {
    expect((await call(daemon, "POST", "/containers/running/pause")).status).toBe(204);
    const { status, json } = await call(daemon, "POST", "/containers/running/start");
    expect([status, json]).toEqual([
      409,
      { message: "cannot start a paused container, try unpause instead" },
    ]);
    expect((await call(daemon, "POST", "/containers/running/unpause")).status).toBe(204);
    expect((await call(daemon, "POST", "/containers/running/start")).status).toBe(304);
  });
});

describe("keys and values", () => {
  const fields = async (path: string) => (await call(daemon, "GET", path)).json as Record<string, unknown>;

  test("keys of a body count in any case, and those that nobody knows do not", async () => {
    const body = { image: "busybox", CMD: "echo hi", hostconfig: { MEMORY: 10_000_000 }, bogus: 1 };
    const created = await call(daemon, "POST", "/containers/create?name=cased", body);
    expect(created.json).toMatchObject({ Warnings: [] });
    const { Config, HostConfig } = (await fields("/containers/cased/json")) as {
      Config: { Cmd: string[] };
      HostConfig: { Memory: number };
    };
    expect([Config.Cmd, HostConfig.Memory]).toEqual([["echo hi"], 10_000_000]);
    await call(daemon, "DELETE", "/containers/cased");
  });

  test("a container: null where nothing was asked for, and the bridge's address in both places", async () => {
    const { Config, HostConfig, NetworkSettings, ExecIDs } = (await fields(
      "/v1.50/containers/running/json",
    )) as {
      Config: object;
      HostConfig: object;
      NetworkSettings: { IPAddress: string; Networks: { bridge: { IPAddress: string } } };
      ExecIDs: unknown;
    };
    expect(Config).toMatchObject({ Entrypoint: null, Volumes: null, OnBuild: null, Labels: {} });
    expect(HostConfig).toMatchObject({ PidsLimit: null, Binds: null, PortBindings: {} });
    expect(NetworkSettings.IPAddress).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect(NetworkSettings.IPAddress).toBe(NetworkSettings.Networks.bridge.IPAddress);
    expect(ExecIDs).toBeNull();
  });

  test("an image's configuration is a container's before 1.50, and an OCI one after", async () => {
    const config = async (version: string) =>
      Object.keys(((await fields(`/${version}/images/busybox/json`)) as { Config: object }).Config);
    expect(await config("v1.49")).toContain("Hostname");
    expect(await config("v1.50")).not.toContain("Hostname");
    const old = await fields("/v1.41/images/busybox/json");
    expect(old).toMatchObject({ VirtualSize: expect.any(Number), Parent: "", Comment: "", Author: "" });
    expect(old).not.toHaveProperty("Descriptor");
  });

  test("a list shows the image's id once another image, or none, has the name", async () => {
    await call(daemon, "POST", "/images/busybox/tag?repo=other&tag=1");
    await call(daemon, "POST", "/containers/create?name=renamed", { Image: "other:1" });
    const shown = async () => {
      const list = await fields('/containers/json?all=1&filters={"name":["renamed"]}');
      return (list as unknown as { Image: string }[])[0]?.Image;
    };
    expect(await shown()).toBe("other:1");
    await call(daemon, "DELETE", "/images/other:1");
    expect(await shown()).toMatch(/^sha256:/);
    await call(daemon, "DELETE", "/containers/renamed");
  });

  test("stats: one sample with the one before it, and zeros for what does not run", async () => {
    const sample = await fields("/containers/running/stats?stream=false");
    expect(sample).toMatchObject({
      name: "/running",
      pids_stats: { current: 1 },
      memory_stats: { usage: expect.any(Number), limit: expect.any(Number) },
      networks: { eth0: { rx_bytes: expect.any(Number) } },
    });
    expect(sample.preread).not.toBe("0001-01-01T00:00:00Z");
    expect(await fields("/containers/idle/stats?stream=false")).toMatchObject({
      read: "0001-01-01T00:00:00Z",
      memory_stats: {},
      pids_stats: {},
    });
    const both = await call(daemon, "GET", "/containers/running/stats?stream=true&one-shot=true");
    expect([both.status, both.text]).toEqual([
      400,
      expect.stringContaining("cannot have stream=true and one-shot=true"),
    ]);
  });

  test("update changes the limits of a container that runs", async () => {
    const body = { Memory: 64 << 20, MemorySwap: 64 << 20, NanoCpus: 500_000_000, PidsLimit: 20 };
    expect((await call(daemon, "POST", "/containers/running/update", body)).status).toBe(200);
    const pids = await daemon.must(
      "exec",
      "running",
      "sh",
      "-c",
      "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true",
    );
    expect(pids).toBe("20");
    expect((await call(daemon, "POST", "/containers/running/update", { PidsLimit: -1 })).status).toBe(200);
    const { HostConfig } = await fields("/containers/running/json");
    expect(HostConfig).toMatchObject({ Memory: 64 << 20, NanoCpus: 500_000_000 });
    const conflict = await call(daemon, "POST", "/containers/running/update", { CpuQuota: 10_000 });
    expect([conflict.status, conflict.text]).toEqual([400, expect.stringContaining("Conflicting options")]);
  });

  test("what there is none of: plugins, build cache, networks to prune", async () => {
    expect(await fields("/plugins")).toEqual([] as never);
    expect((await call(daemon, "POST", "/build/prune")).json).toEqual({
      CachesDeleted: null,
      SpaceReclaimed: 0,
    });
    expect((await call(daemon, "POST", "/networks/prune")).json).toEqual({ NetworksDeleted: null });
  });
});
