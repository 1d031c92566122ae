import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Plugins } from "../../src/plugins/client.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";

const sockets = "/run/docker/plugins";

/** A volume plugin that keeps folders, and remembers what it was asked. */
class TestPlugin implements Disposable {
  readonly folder = mkdtempSync("/tmp/longshore-plugin-");
  /** Nobody else's. */
  readonly name = basename(this.folder);
  readonly calls: string[] = [];
  readonly mounted = new Set<string>();
  #server: ReturnType<typeof Bun.serve> | undefined;

  /** Listens at the usual place, or at `socket`. */
  listen(socket = join(sockets, `${this.name}.sock`)): void {
    mkdirSync(sockets, { recursive: true });
    this.#server = Bun.serve({ unix: socket, fetch: (request) => this.#answer(request) });
  }

  async stop(): Promise<void> {
    await this.#server?.stop(true);
    rmSync(join(sockets, `${this.name}.sock`), { force: true });
  }

  async #answer(request: Request): Promise<Response> {
    // Other daemons of this machine ask every plugin too, some with an empty Host and an empty body.
    const method = new URL(request.url, "http://plugin").pathname.slice(1);
    const {
      Name = "",
      ID = "",
      Opts = {},
    } = JSON.parse((await request.text()) || "{}") as {
      Name?: string;
      ID?: string;
      Opts?: Record<string, string>;
    };
    this.calls.push(method);
    const content = join(this.folder, Name);
    const answers: Record<string, () => object> = {
      "Plugin.Activate": () => ({ Implements: ["VolumeDriver"] }),
      "VolumeDriver.Capabilities": () => ({ Capabilities: { Scope: "global" } }),
      "VolumeDriver.Create": () => {
        if (Opts.fail) return { Err: `cannot: ${Opts.fail}` };
        mkdirSync(content);
        return {};
      },
      "VolumeDriver.Get": () =>
        readdirSync(this.folder).includes(Name)
          ? { Volume: { Name, Mountpoint: content, Status: { calls: 1 } } }
          : { Err: "no such volume" },
      "VolumeDriver.Mount": () => {
        this.mounted.add(ID);
        return { Mountpoint: content };
      },
      "VolumeDriver.Unmount": () => {
        this.mounted.delete(ID);
        return {};
      },
      "VolumeDriver.Remove": () => {
        rmSync(content, { recursive: true });
        return {};
      },
    };
    const answer = answers[method];
    return answer ? Response.json(answer()) : new Response("404 page not found", { status: 404 });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
    try {
      rmdirSync(sockets);
    } catch {
      // Plugins of others are there.
    }
  }
}

let daemon: TestDaemon;
const plugin = new TestPlugin();
beforeAll(async () => {
  plugin.listen();
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await plugin.stop();
  plugin[Symbol.dispose]();
});

test("keeps volumes, which are mounted as long as containers use them", async () => {
  await daemon.must("volume", "create", "-d", plugin.name, "-o", "size=1", "far");
  expect(
    await daemon.must("volume", "inspect", "-f", "{{.Driver}} {{.Scope}} {{.Mountpoint}} {{.Status}}", "far"),
  ).toBe(`${plugin.name} global ${plugin.folder}/far map[calls:1]`);
  expect(await daemon.must("volume", "ls", "-q", "-f", `driver=${plugin.name}`)).toBe("far");
  await daemon.must(
    "run",
    "-d",
    "--name",
    "user",
    "-v",
    "far:/x",
    "-v",
    "far:/y",
    "busybox",
    "sh",
    "-c",
    "echo hi >/x/file; sleep 1000",
  );
  expect(plugin.mounted.size).toBe(1);
  expect(await daemon.must("run", "--rm", "-v", "far:/x", "busybox", "cat", "/x/file")).toBe("hi");
  expect((await daemon.docker("volume", "rm", "far")).stderr).toContain("volume is in use");
  await until("one user is left", () => plugin.mounted.size === 1);
  await daemon.end("SIGKILL");
  await daemon.launch();
  expect(plugin.mounted.size).toBe(1);
  await daemon.must("rm", "-f", "user");
  expect(plugin.mounted.size).toBe(0);
  await daemon.must("volume", "rm", "far");
  expect(readdirSync(plugin.folder)).toEqual([]);
});

test("says itself what is wrong, and nothing is left", async () => {
  const { stderr } = await daemon.docker("volume", "create", "-d", plugin.name, "-o", "fail=why", "bad");
  expect(stderr.trim()).toBe("Error response from daemon: create bad: cannot: why");
  await daemon.must("volume", "create", "taken");
  expect((await daemon.docker("volume", "create", "-d", plugin.name, "taken")).stderr).toContain(
    "volume name must be unique",
  );
  await daemon.must("volume", "rm", "taken");
  expect(await daemon.must("volume", "ls", "-q")).toBe("");
});

test("may be away: its volumes are listed, and what it was to unmount it is asked when it is back", async () => {
  await daemon.must(
    "run",
    "-d",
    "--name",
    "orphan",
    "-v",
    "late:/x",
    "--volume-driver",
    plugin.name,
    "busybox",
    "sleep",
    "1000",
  );
  await plugin.stop();
  expect(await daemon.must("volume", "ls", "-q")).toBe("late");
  await daemon.must("stop", "-t", "0", "orphan");
  expect((await daemon.docker("start", "orphan")).stderr).toContain(
    `error looking up volume plugin ${plugin.name}: plugin "${plugin.name}" not found`,
  );
  expect(plugin.mounted.size).toBe(1);
  plugin.listen();
  await daemon.end("SIGTERM");
  await daemon.launch();
  await until("it is unmounted", () => plugin.mounted.size === 0);
  await daemon.must("rm", "orphan");
  await daemon.must("volume", "rm", "late");
});

test("is found by files that name its address", async () => {
  using other = new TestPlugin();
  const specs = join(other.folder, "specs");
  mkdirSync(join(specs, "nested"), { recursive: true });
  const socket = join(other.folder, "any.sock");
  other.listen(socket);
  writeFileSync(join(specs, "one.spec"), `unix://${socket}\n`);
  writeFileSync(
    join(specs, "nested/nested.json"),
    JSON.stringify({ Name: "nested", Addr: `unix://${socket}` }),
  );
  writeFileSync(join(specs, "bad.spec"), "ftp://x");
  const plugins = new Plugins({ sockets: join(other.folder, "none"), specs: [specs] });
  expect((await plugins.get("one", "VolumeDriver")).implements).toEqual(["VolumeDriver"]);
  expect((await plugins.get("nested", "VolumeDriver")).name).toBe("nested");
  await expect(plugins.get("one", "NetworkDriver")).rejects.toThrow(
    'plugin "one" does not implement the interface "NetworkDriver"',
  );
  await expect(plugins.get("bad", "VolumeDriver")).rejects.toThrow("invalid protocol: ftp://x");
  await expect(plugins.get("../specs/one", "VolumeDriver")).rejects.toThrow(
    'plugin "../specs/one" not found',
  );
  await other.stop();
});
