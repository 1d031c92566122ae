import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { TestDaemon } from "../harness/daemon.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());

const shell = (flags: string[], script: string) =>
  daemon.must("run", "--rm", ...flags, "busybox", "sh", "-c", script);

/** The capabilities that Docker gives by default, as in /proc/pid/status. */
const defaultCapabilities = "00000000a80425fb";

test("two containers of one image never see each other's files, nor change the image", async () => {
  await daemon.must(
    "run",
    "-d",
    "--name",
    "left",
    "busybox",
    "sh",
    "-c",
    "echo left > /etc/passwd; rm /usr/bin/wc; sleep 60",
  );
  await daemon.must("run", "-d", "--name", "right", "busybox", "sh", "-c", "echo right > /new; sleep 60");
  const look = "cat /etc/passwd | head -1 | cut -d: -f1; ls /new /usr/bin/wc 2>/dev/null || true";
  expect(await daemon.must("exec", "left", "sh", "-c", look)).toBe("left");
  expect(await daemon.must("exec", "right", "sh", "-c", look)).toBe("root\n/new\n/usr/bin/wc");
  expect(await shell([], look)).toBe("root\n/usr/bin/wc");
  expect(await daemon.must("diff", "right")).toBe("A /new");
  await daemon.must("rm", "-f", "left", "right");
  expect(await shell([], look)).toBe("root\n/usr/bin/wc");
});

test("capabilities: Docker's by default, all with --privileged, as asked with --cap-add and --cap-drop", async () => {
  const effective = "grep CapEff /proc/self/status | cut -f2";
  expect(await shell([], effective)).toBe(defaultCapabilities);
  expect(await shell([], "grep CapBnd /proc/self/status | cut -f2")).toBe(defaultCapabilities);
  expect(await shell(["-u", "1000"], effective)).toBe("0000000000000000");
  expect(await shell(["--cap-drop", "ALL", "--cap-add", "NET_RAW"], effective)).toBe("0000000000002000");
  const own = readFileSync("/proc/self/status", "utf8").match(/CapBnd:\t(\S+)/)?.[1] ?? "";
  expect(await shell(["--privileged"], effective)).toBe(own);
});

test("seccomp: the filter is on by default, and off when asked", async () => {
  const mode = "grep ^Seccomp: /proc/self/status | cut -f2";
  expect(await shell([], mode)).toBe("2");
  expect(await shell(["--security-opt", "seccomp=unconfined"], mode)).toBe("0");
  expect(await shell(["--privileged"], mode)).toBe("0");
  // A new user namespace would give a process all capabilities in it.
  expect(await shell([], "unshare -U true 2>&1 || echo refused")).toContain("refused");
});

test("no-new-privileges is off by default, and on when asked", async () => {
  const flag = "grep NoNewPrivs /proc/self/status | cut -f2";
  expect(await shell([], flag)).toBe("0");
  expect(await shell(["--security-opt", "no-new-privileges"], flag)).toBe("1");
});

test("masked files read as empty, read-only ones cannot be written", async () => {
  expect(await shell([], "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c")).toBe("0");
  expect(await shell([], "ls -A /sys/firmware /proc/scsi 2>/dev/null | grep -v : | wc -w")).toBe("0");
  expect(await shell([], "echo 1 2>/dev/null > /proc/sys/kernel/sysrq || echo refused")).toBe("refused");
  expect(await shell([], "echo x 2>/dev/null > /proc/sysrq-trigger || echo refused")).toBe("refused");
  expect(await shell([], "mkdir /sys/fs/cgroup/x 2>/dev/null || echo refused")).toBe("refused");
  expect(await shell([], "touch /sys/x 2>/dev/null || echo refused")).toBe("refused");
});

test("its own processes, host name, IPC and mounts; nothing of the host's", async () => {
  const namespaces = ["pid", "mnt", "uts", "ipc", "net"];
  const script = namespaces.map((name) => `readlink /proc/self/ns/${name}`).join("; ");
  const inside = (await shell([], script)).split("\n");
  const { stdout } = Bun.spawnSync(["sh", "-c", script]);
  const outside = stdout.toString().trim().split("\n");
  for (const [i, name] of namespaces.entries()) expect([name, inside[i]]).not.toEqual([name, outside[i]]);
  expect(await shell([], "echo /proc/[0-9]*")).toBe("/proc/1");
  expect(await shell([], "echo $$")).toBe("1");
  expect(await shell([], "mount | wc -l")).not.toBe("0");
  expect(await shell([], `grep -c ${daemon.root} /proc/self/mounts || true`)).toBe("1");
});

test("/dev: Docker's devices, and no other", async () => {
  const devices = (
    await shell(
      [],
      "cd /dev; echo * | tr ' ' '\\n'; for link in fd stdin stdout stderr ptmx core; do readlink $link; done",
    )
  ).split("\n");
  expect(devices.sort()).toEqual(
    [
      ...["core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm"],
      ...["stderr", "stdin", "stdout", "tty", "urandom", "zero"],
      ...[
        "/proc/self/fd",
        "/proc/self/fd/0",
        "/proc/self/fd/1",
        "/proc/self/fd/2",
        "pts/ptmx",
        "/proc/kcore",
      ],
    ].sort(),
  );
  expect(await shell([], "mknod /tmp/disk b 8 0 && (: < /tmp/disk) 2>/dev/null || echo refused")).toBe(
    "refused",
  );
  expect(await shell(["--device", "/dev/null:/dev/other:r"], "ls -l /dev/other | cut -c1")).toBe("c");
});

test("the files that Docker puts into every container", async () => {
  expect(await shell([], "ls -a / | grep dockerenv; wc -c < /.dockerenv")).toBe(".dockerenv\n0");
  const [hosts, own] = (await shell([], "cat /etc/hosts; echo ==; hostname -i; hostname")).split("==");
  const [address, name] = own?.trim().split("\n") ?? [];
  expect(hosts).toContain("127.0.0.1\tlocalhost\n");
  expect(hosts).toContain(`${address}\t${name}\n`);
  expect(await shell([], "cat /etc/resolv.conf")).toContain("nameserver ");
  expect(await shell([], "mount | grep -E ' /etc/(hosts|hostname|resolv.conf) ' | wc -l")).toBe("3");
});

test.skipIf(!existsSync("/sys/module/apparmor/parameters/enabled"))(
  "AppArmor's default profile",
  async () => {
    expect(await shell([], "cat /proc/self/attr/current")).toContain("docker-default");
  },
);

test("a container cannot leave its root through what the image or a volume links to", async () => {
  await daemon.must("create", "--name", "links", "-v", "trap:/v", "busybox", "true");
  const mountpoint = await daemon.must("volume", "inspect", "-f", "{{.Mountpoint}}", "trap");
  await shell(["-v", "trap:/v"], "ln -s / /v/host; ln -s ../../../../../../../../etc /v/up");
  expect(existsSync(`${mountpoint}/host`)).toBe(true);
  await shell(["-v", "trap:/v", "-w", "/v/up/escaped-here"], "touch mark");
  expect(existsSync("/etc/escaped-here")).toBe(false);
  await shell(["-v", "trap:/v", "--tmpfs", "/v/host/escaped-mount"], "true");
  expect(existsSync("/escaped-mount")).toBe(false);
  await daemon.must("rm", "links");
  await daemon.must("volume", "rm", "trap");
});
