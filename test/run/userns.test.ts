import { afterAll, beforeAll, expect, test } from "bun:test";
import { lstatSync, readdirSync, statSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { dist, mustRun, run } from "../harness/process.ts";

// The user `dockremap` and its ranges, which the daemon makes, stay: other daemons of the host may use them.
let daemon: TestDaemon;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "userns-"));
  daemon = await TestDaemon.start({ flags: ["--userns-remap=default"], images: ["busybox"] });
  const script = "touch /made /data/made && chown 33:44 /data/made && exec sleep 1000";
  const flags = ["--ipc", "shareable", "-v", "kept:/data", "-v", `${folder}:/bound`];
  await daemon.must("run", "-d", "--name", "up", ...flags, "busybox", "sh", "-c", script);
}, 60_000);
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
}, 60_000);

const sh = (flags: readonly string[], script: string) =>
  daemon.must("run", "--rm", ...flags, "busybox", "sh", "-c", script);
const owner = (path: string) => `stat -c %u:%g ${path}`;
const pid = async (name: string) => Number(await daemon.inspect(name, "{{.State.Pid}}"));

test("root inside is nobody's root outside, and all files are its own", async () => {
  expect(await daemon.must("info", "--format", "{{.SecurityOptions}}")).toContain("name=userns");
  const { uid } = statSync(`/proc/${await pid("up")}`);
  expect(uid).toBeGreaterThan(0);
  const shown = await daemon.must("exec", "up", "sh", "-c", "awk '{print $1, $2, $3}' /proc/self/uid_map");
  expect(shown).toBe(`0 ${uid} 65536`);
  const files = ["/", "/bin/sh", "/made", "/etc/hosts", "/etc/resolv.conf", "/data", "/dev/shm"];
  expect(await daemon.must("exec", "up", ...owner(files.join(" ")).split(" "))).toBe(
    files.map(() => "0:0").join("\n"),
  );
  expect(await daemon.must("exec", "up", ...owner("/data/made").split(" "))).toBe("33:44");
  // What is the host's stays the host's.
  expect(await daemon.must("exec", "up", ...owner("/bound").split(" "))).toBe("65534:65534");
  expect(await daemon.docker("exec", "up", "touch", "/bound/x")).toMatchObject({
    code: 1,
    stderr: "touch: /bound/x: Permission denied\n",
  });
});

test("on the disk files have the owners that the container sees", async () => {
  const made = join(await daemon.must("volume", "inspect", "kept", "--format", "{{.Mountpoint}}"), "made");
  expect(lstatSync(made)).toMatchObject({ uid: 33, gid: 44 });
  const id = await daemon.inspect("up", "{{.Id}}");
  expect(lstatSync(join(daemon.dataRoot, "containers", id, "upper/made"))).toMatchObject({ uid: 0, gid: 0 });
});

test("cp, export, diff and commit tell the container's ids", async () => {
  const list = async (...args: string[]) =>
    (await run(["sh", "-c", `${args.join(" ")} | tar --numeric-owner -tv`], { env: daemon.env })).stdout;
  expect(await list(daemon.client, "cp", "up:/data/made", "-")).toContain(" 33/44 ");
  expect(await list(daemon.client, "export", "up")).toMatch(/ 0\/0 .* made\n/);
  const file = join(folder, "file");
  await writeFile(file, "text\n");
  await chown(file, 33, 44);
  await daemon.must("cp", "-a", file, "up:/root/copy");
  await daemon.must("cp", file, "up:/data/copy");
  expect(await daemon.must("exec", "up", "stat", "-c", "%u:%g", "/root/copy", "/data/copy")).toBe(
    "33:44\n33:44",
  );
  expect(await daemon.must("diff", "up")).toContain("A /root/copy");
  await daemon.must("commit", "up", "committed");
  const look = ["--rm", "committed", "stat", "-c", "%u:%g", "/made", "/root/copy"];
  expect(await daemon.must("run", ...look)).toBe("0:0\n33:44");
  expect(await daemon.must("run", "--userns", "host", ...look)).toBe("0:0\n33:44");
});

test("cp brings files into what the container has mounted by itself", async () => {
  const flags = ["--name", "mounts", "--tmpfs", "/quick:mode=0755", "--shm-size", "1m"];
  await daemon.must("run", "-d", ...flags, "busybox", "sleep", "1000");
  const tree = join(folder, "tree");
  await mkdir(join(tree, "sub"), { recursive: true });
  await writeFile(join(tree, "sub/file"), "text\n");
  await symlink("file", join(tree, "sub/link"));
  await chown(join(tree, "sub/file"), 33, 44);
  for (const target of ["/quick", "/dev/shm", "/root"]) {
    await daemon.must("cp", "-a", tree, `mounts:${target}`);
    await daemon.must("cp", join(tree, "sub/file"), `mounts:${target}/plain`);
    const names = ["tree/sub", "tree/sub/file", "tree/sub/link", "plain"].map((name) => `${target}/${name}`);
    const seen = (await daemon.must("exec", "mounts", "stat", "-c", "%u:%g", ...names)).split("\n");
    expect([target, ...seen]).toEqual([target, "0:0", "33:44", "0:0", "33:44"]);
  }
  await daemon.must("rm", "-f", "mounts");
});

test("a build's steps are remapped, its layers are not", async () => {
  const dockerfile =
    "FROM busybox\nRUN cat /proc/self/uid_map >/map; touch /mine; chown 7:8 /mine\nWORKDIR /w\n";
  await daemon.feed(dockerfile, "build", "-q", "-t", "built", "-");
  const script = "cat /map && stat -c %u:%g /mine /w";
  const out = await daemon.must("run", "--rm", "--userns", "host", "built", "sh", "-c", script);
  expect(out.split("\n").slice(1)).toEqual(["7:8", "0:0"]);
  expect(Number(out.trim().split(/\s+/)[1])).toBeGreaterThan(0);
});

test("namespaces of others are joined with the users that they belong to", async () => {
  const map = await daemon.must("exec", "up", "cat", "/proc/self/uid_map");
  for (const flag of ["--network", "--pid", "--ipc"]) {
    expect(await sh([flag, "container:up"], "cat /proc/self/uid_map")).toBe(map);
  }
  const hosts = ["--userns", "host"];
  expect(await sh([...hosts, "--network", "container:up"], "cat /proc/self/uid_map")).toMatch(
    / 0 +4294967295$/,
  );
  await daemon.must("run", "-d", "--name", "plain", ...hosts, "busybox", "sleep", "1000");
  const refused = await daemon.docker("run", "--rm", "--network", "container:plain", "busybox", "true");
  expect(refused.code).toBe(125);
  expect(refused.stderr).toContain("it runs in the host's user namespace, join it with --userns=host");
});

test.each([
  [
    ["--privileged"],
    "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode",
  ],
  [["--network", "host"], "cannot share the host's network namespace when user namespaces are enabled"],
  [["--pid", "host"], "cannot share the host PID namespace when user namespaces are enabled"],
])("%p needs the host's users", async (flags, message) => {
  const { stderr, code } = await daemon.docker("run", "--rm", ...flags, "busybox", "true");
  expect({ code, stderr }).toMatchObject({ code: 125, stderr: expect.stringContaining(message) });
  const script = "awk '{print $2}' /proc/self/uid_map";
  expect(await sh(["--userns", "host", ...flags], script)).toBe("0");
});

test.each([
  ["--ipc", "host"],
  ["--uts", "host"],
  ["--cgroupns", "private"],
  ["--network", "none"],
  ["--init"],
  ["--read-only"],
  ["--user", "1000", "-e", "HOME=/"],
  ["--sysctl", "net.core.somaxconn=99"],
  ["--device", "/dev/fuse"],
  ["--tmpfs", "/t:mode=700"],
  ["--mount", "type=image,source=busybox,target=/i"],
  ...(Bun.which("runc") ? [["--runtime", "runc"]] : []),
])("%p %p works with users of its own", async (...flags) => {
  expect(await sh(flags, "awk '{print $1, $3}' /proc/self/uid_map")).toBe("0 65536");
});

test("after a kill the daemon goes on with the containers that run, and no mount stays", async () => {
  await daemon.end("SIGKILL");
  await daemon.launch();
  expect(await daemon.must("exec", "up", "id", "-u")).toBe("0");
  await daemon.must("restart", "-t", "0", "up");
  expect(await daemon.must("exec", "up", "stat", "-c", "%u:%g", "/root/copy")).toBe("33:44");
  const staged = join(daemon.execRoot, "mounts");
  expect(readdirSync(staged).filter((name) => name !== "empty")).toEqual([]);
});

test("a data root that cannot show other owners is named when the daemon starts", async () => {
  const root = join(folder, "plain");
  await chmod(folder, 0o711);
  await mkdir(root);
  await mustRun(["mount", "-t", "ramfs", "-o", "mode=711", "ramfs", root]);
  try {
    const flags = [`--host=unix://${folder}/sock`, `--data-root=${root}`, `--exec-root=${folder}/exec`];
    const started = await run([
      join(dist, "dockerd"),
      ...flags,
      `--pidfile=${folder}/pid`,
      "--userns-remap=default",
    ]);
    expect(started).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `--userns-remap needs another data root: cannot map the owners of ${root}: its file system, or one that is mounted below it, does not support ID-mapped mounts`,
      ),
    });
  } finally {
    await mustRun(["umount", root]);
  }
});
