import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";

const folder = `/tmp/longshore-reload-${process.pid}`;
const file = join(folder, "daemon.json");
let daemon: TestDaemon;

function configure(settings: Record<string, unknown>): void {
  writeFileSync(file, JSON.stringify(settings));
}

/** Sends SIGHUP, and waits for `line` in the log. */
async function reload(line: RegExp): Promise<void> {
  const before = (await daemon.log()).length;
  process.kill(daemon.pid, "SIGHUP");
  await until(String(line), async () => line.test((await daemon.log()).slice(before)));
}

beforeAll(async () => {
  mkdirSync(folder);
  configure({ labels: ["a=b"] });
  daemon = await TestDaemon.start({ flags: ["--config-file", file] });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

describe("SIGHUP", () => {
  test("brings mirrors of any registry, by path prefix, with fall-back", async () => {
    const image = "registry.invalid/team/busybox";
    expect((await daemon.docker("pull", image)).stderr).toContain("registry.invalid");
    configure({
      mirrors: { "registry.invalid/team": ["http://127.0.0.1:1", `${daemon.registry.url}/library`] },
      labels: ["c=d"],
      debug: true,
      "max-concurrent-downloads": 7,
    });
    await reload(/Reloaded configuration/);
    expect(await daemon.must("pull", image)).toContain(`Status: Downloaded newer image for ${image}:latest`);
    expect(await daemon.must("image", "ls", "--format", "{{.Repository}}")).toBe(image);
    expect((await daemon.docker("pull", "registry.invalid/other/busybox")).code).toBe(1);
    const info = await daemon.must("info");
    expect(info).toContain(`  ${daemon.registry.url}/library (registry.invalid/team)\n`);
    expect(info).toContain(" Labels:\n  c=d\n");
    expect(info).toContain(" Debug Mode: true\n");
    expect(await daemon.must("info", "--format", "{{json .RegistryConfig.Mirrors}}")).toBe(
      `["${daemon.registry.url}/"]`,
    );
  });

  test("is told as an event, with Docker's attributes", async () => {
    const since = String(Math.floor(Date.now() / 1000) - 1);
    configure({ "max-concurrent-uploads": 9, runtimes: { mine: { path: "/bin/mine" } } });
    await reload(/Reloaded configuration/);
    const until = String(Math.floor(Date.now() / 1000) + 1);
    const flags = ["--since", since, "--until", until, "--filter", "type=daemon", "--format", "{{json .}}"];
    const event = JSON.parse((await daemon.must("events", ...flags)).split("\n").at(-1) ?? "{}");
    expect(event).toMatchObject({ Type: "daemon", Action: "reload" });
    expect(event.Actor.Attributes).toMatchObject({
      "max-concurrent-uploads": "9",
      "max-concurrent-downloads": "3",
      "registry-mirrors": `["${daemon.registry.url}"]`,
      "live-restore": "true",
      runtimes: "mine:{/bin/mine []}",
      debug: "false",
    });
    expect(await daemon.must("info", "--format", "{{json .Runtimes}}")).toContain("/bin/mine");
  });

  test("drops the compressed layers that were kept, when they are to be kept no longer", async () => {
    await daemon.must("pull", "-q", "busybox");
    const blobs = () => readdirSync(join(daemon.dataRoot, "blobs/sha256")).length;
    const before = blobs();
    configure({ "keep-layer-blobs": false });
    await reload(/Reloaded configuration/);
    await until("a layer is gone", () => blobs() < before);
    expect(await daemon.must("run", "--rm", "busybox", "echo", "runs")).toBe("runs");
  });

  test("with a file that is wrong changes nothing, and says what needs a new start", async () => {
    const image = "registry.invalid/team/busybox";
    configure({ mirrors: { "registry.invalid/team": [`${daemon.registry.url}/library`] }, mtu: 1400 });
    await reload(/settings that take effect at the next start.*mtu/);
    await daemon.must("rmi", "-f", image);
    for (const [wrong, why] of [
      [{ nope: 1 }, /Error reconfiguring the daemon.*don't match any configuration option: nope/],
      [{ mirrors: { x: ["ftp://y"] } }, /Error reconfiguring the daemon.*unsupported scheme/],
      [{ "insecure-registries": ["http://x"] }, /Error reconfiguring the daemon.*should not contain/],
      [{ "default-runtime": "zip" }, /Error reconfiguring the daemon.*does not exist/],
    ] as const) {
      configure(wrong);
      await reload(why);
    }
    await daemon.must("pull", "-q", image);
  });
});
