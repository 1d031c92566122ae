import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mount, mountFlags, unmount } from "../../src/linux/mount.ts";
import { makeImage, noise, serveImage } from "../distribution/test-image.ts";
import { TestRegistry } from "../distribution/test-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { dist, run, untilEmpty } from "../harness/process.ts";
import { settled } from "./stores.ts";

let folder: string;
let daemon: TestDaemon;

/** The data root is a file system of its own, and small. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "longshore-small-"));
  mount("tmpfs", folder, "tmpfs", mountFlags.noDev | mountFlags.noSuid, "size=32m");
  daemon = await TestDaemon.start({ dataRoot: join(folder, "data"), images: ["busybox"] });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  unmount(folder);
  await rm(folder, { recursive: true });
});

const fillers = () => ["fill", "rest"].map((name) => join(folder, name));

function fill(): void {
  const [fill = "", rest = ""] = fillers();
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(fill, Buffer.alloc(Math.max(0, bavail * bsize - 64 * 1024)));
  // To the last block.
  for (let size = 64 * 1024; size >= 1; size /= 2) {
    try {
      writeFileSync(rest, Buffer.alloc(size), { flag: "a" });
    } catch {
      // That much does not fit any more.
    }
  }
}

function makeRoom(): void {
  for (const path of fillers()) rmSync(path, { force: true });
}

test("a container cannot start on a full disk, says so, and leaves nothing", async () => {
  fill();
  const { stderr, code } = await daemon.docker("run", "--rm", "busybox", "true");
  makeRoom();
  expect(stderr).toContain("no space left on device");
  expect(code).toBe(125);
  await untilEmpty("nothing is left", async () => (await daemon.leftovers()).containers);
});

test("what takes the room can be removed", async () => {
  await daemon.must(
    "run",
    "-d",
    "--name",
    "eater",
    "busybox",
    "sh",
    "-c",
    "dd if=/dev/zero of=/big bs=64k; exit 7",
  );
  expect(await daemon.must("wait", "eater")).toBe("7");
  expect(statfsSync(folder).bavail).toBe(0);
  expect(await daemon.inspect("eater", "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 7");
  await daemon.must("rm", "eater");
  expect(await daemon.must("run", "--rm", "busybox", "echo", "room")).toBe("room");
});

test("a container that fills its log ends as it wants", async () => {
  const loud = "head -c 60000000 /dev/zero | tr '\\0' a; exit 3";
  await daemon.must("run", "-d", "--name", "loud", "--log-opt", "max-size=100m", "busybox", "sh", "-c", loud);
  expect(await daemon.must("wait", "loud")).toBe("3");
  await daemon.must("rm", "loud");
  expect(await daemon.must("run", "--rm", "busybox", "echo", "room")).toBe("room");
});

test("a pull that does not fit says so, and goes on when there is room", async () => {
  await using registry = await TestRegistry.start();
  const image = makeImage([{ big: noise(4_000_000) }]);
  serveImage(registry, "big:1", image);
  fill();
  const { stderr, code } = await daemon.docker("pull", `${registry.host}/big:1`);
  makeRoom();
  expect(stderr).toMatch(/no space left on device/);
  expect(code).toBe(1);
  await settled(daemon.dataRoot);
  await daemon.must("pull", `${registry.host}/big:1`);
  expect((await settled(daemon.dataRoot)).parts).toEqual({});
});

test("a daemon starts on a full disk, and what is there can be removed", async () => {
  await daemon.must("create", "--name", "old", "busybox");
  await daemon.end("SIGKILL");
  fill();
  await daemon.launch();
  await daemon.must("rm", "old");
  makeRoom();
  await untilEmpty("nothing is left", async () => (await daemon.leftovers()).containers);
});

test.each(["0", "1"])(
  "a build that fills the disk says so, and leaves nothing (DOCKER_BUILDKIT=%s)",
  async (kit) => {
    const context = await mkdtemp(join(tmpdir(), "longshore-full-"));
    const build = (dockerfile: string) => {
      writeFileSync(join(context, "Dockerfile"), dockerfile);
      const env = { ...daemon.env, DOCKER_BUILDKIT: kit };
      return run([join(dist, "docker"), "build", "-t", "filling", context], { env });
    };
    const free = () => statfsSync(folder).bavail * statfsSync(folder).bsize;
    try {
      await daemon.must("builder", "prune", "-af");
      const before = free();
      const step = await build("FROM busybox\nRUN dd if=/dev/zero of=/big bs=64k\n");
      expect(step.stdout + step.stderr).toContain("No space left on device");
      expect(step.code).toBe(1);
      writeFileSync(join(context, "big"), Buffer.alloc(40_000_000, "x"));
      const copy = await build("FROM busybox\nCOPY big /\n");
      expect(copy.stderr).toMatch(/no space left on device/i);
      expect(copy.code).toBe(1);
      rmSync(join(context, "big"));
      await daemon.must("builder", "prune", "-af");
      await untilEmpty("the room is there again", async () =>
        before - free() > 2_000_000 ? [String(free())] : [],
      );
      expect((await build("FROM busybox\nRUN echo room > /f\n")).code).toBe(0);
      await untilEmpty("nothing is left", async () => (await daemon.leftovers()).containers);
    } finally {
      await rm(context, { recursive: true });
    }
  },
);
