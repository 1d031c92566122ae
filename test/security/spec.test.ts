import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mountShm } from "../../src/containers/spec/shm.ts";
import { mount, mountFlags, unmount } from "../../src/linux/mount.ts";
import { defaultCapabilities } from "../../src/security/capabilities.ts";
import type { MountPoint } from "../../src/volumes/mount-point.ts";
import { CrunBox } from "./crun-bundle.ts";
import { constantsOf, runFilter } from "./run-filter.ts";

/** AUDIT_ARCH_* (linux/audit.h), and where the numbers of its calls begin: x32 has those of x86-64 with a bit more. */
const callSets = [
  [0xc000003e, 0],
  [0xc000003e, 0x40000000],
  [0x40000003, 0],
  [0xc00000b7, 0],
] as const;
/** Above the number of any call that a filter names. */
const lastSyscall = 600;
/** SECCOMP_RET_ERRNO with EPERM and with ENOSYS (seccomp(2)). */
const refused = 0x50001;
const unknown = 0x50026;

let box: CrunBox;
beforeAll(() => {
  box = new CrunBox();
});
afterAll(() => box[Symbol.dispose]());

const bind = (source: string, destination: string, more: Partial<MountPoint> = {}): MountPoint => ({
  type: "bind",
  destination,
  source,
  name: "",
  driver: "",
  mode: "",
  rw: true,
  propagation: "rprivate",
  copyData: false,
  anonymous: false,
  createSource: false,
  ...more,
});

const status = (text: string, field: string) => new RegExp(`^${field}:\\s*(.*)$`, "m").exec(text)?.[1];

describe("a container by default", () => {
  test("is root with Docker's capabilities, a seccomp filter and Docker's environment", () => {
    const { stdout, stderr } = box.run("cat /proc/self/status; id -G; env; pwd; hostname");
    expect(stderr).toBe("");
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) expect(status(stdout, set)).toBe("00000000a80425fb");
    for (const set of ["CapInh", "CapAmb"]) expect(status(stdout, set)).toBe("0000000000000000");
    expect(status(stdout, "Seccomp")).toBe("2");
    expect(status(stdout, "NoNewPrivs")).toBe("0");
    expect(stdout).toContain("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
    expect(stdout).toContain("HOSTNAME=box\n");
    expect(stdout).toContain("HOME=/root\n");
    expect(stdout).not.toContain("TERM=");
    expect(stdout).toEndWith("/\nbox\n");
  });

  test("has Docker's devices and mounts, and cannot change the host's settings", () => {
    const { stdout } = box.run(
      "ls /dev; mount; echo 1 > /proc/sys/kernel/panic; touch /sys/x; cat /proc/keys",
    );
    const devices = stdout
      .slice(0, stdout.indexOf("/dev/") < 0 ? undefined : stdout.indexOf(" on "))
      .split("\n");
    for (const name of ["full", "null", "ptmx", "pts", "random", "shm", "stdin", "tty", "urandom", "zero"]) {
      expect(devices).toContain(name);
    }
    expect(devices.some((name) => /^(loop|vd|sd|tty\d|kvm|fuse)/.test(name))).toBe(false);
    expect(stdout).toContain("sysfs on /sys type sysfs (ro,nosuid,nodev,noexec,relatime)");
    expect(stdout).toContain("shm on /dev/shm type tmpfs (rw,nosuid,nodev,noexec,relatime,size=65536k)");
    expect(stdout).toMatch(/on \/sys\/fs\/cgroup\/?\w* type cgroup2? \(ro,nosuid,nodev,noexec/);
    expect(stdout).toMatch(/ on \/proc\/sys type proc \(ro/);
  });

  test("cannot make a namespace, nor a device, nor mount", () => {
    const { stdout } = box.run(
      "unshare -U true 2>/dev/null || echo no-userns; mknod /tmp/d b 254 0; cat /tmp/d 2>&1 | grep -c .; mount -t tmpfs x /tmp 2>/dev/null || echo no-mount",
    );
    expect(stdout).toContain("no-userns");
    expect(stdout).toContain("no-mount");
    expect(box.run("cat /tmp/d").stderr).toContain("Operation not permitted");
  });
});

describe("security options", () => {
  test("seccomp=unconfined takes the filter away", () => {
    const { stdout } = box.run("cat /proc/self/status", {}, { SecurityOpt: ["seccomp=unconfined"] });
    expect(status(stdout, "Seccomp")).toBe("0");
  });

  test("a profile of one's own is enforced, compiled by us or by the runtime", () => {
    const profile = JSON.stringify({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
    });
    for (const crun of [true, false]) {
      const ran = box.run("mkdir /tmp/new", {}, { SecurityOpt: [`seccomp=${profile}`] }, { crun });
      expect(ran.stderr).toContain("No space left on device");
    }
  });

  test("the default filter is what the runtime would compile, but for system calls of the future", () => {
    const input = box.input("true", {}, {}, { crun: false });
    const filter = box.host.seccomp.filterFor({
      profile: undefined,
      privileged: false,
      capabilities: defaultCapabilities,
    });
    const ours = Buffer.from(filter?.bpf ?? "", "base64");
    const theirs = box.runtimeFilter(input);
    expect(theirs.length).toBeGreaterThan(1000);
    // What arguments are compared with: among them personalities and AF_VSOCK; numbers below are those of calls.
    const values = [0, 1, 8, 40, ...constantsOf(theirs).filter((number) => number > lastSyscall)];
    const samples = values.flatMap((value) => [[value], [0, value], [0, 0, value]]);
    const answers = (program: Uint8Array, arch: number, nr: number) =>
      samples.map((args) => runFilter(program, { nr, arch, args }));
    for (const [arch, first] of callSets) {
      const expected = Array.from({ length: lastSyscall }, (_, at) => answers(theirs, arch, first + at));
      const highest = expected.findLastIndex((list) => list.some((answer) => answer !== refused));
      for (const [at, list] of expected.entries()) {
        const nr = first + at;
        const future = highest >= 0 && at > highest;
        const found = { arch, nr, answers: answers(ours, arch, nr) };
        expect(found).toEqual({ arch, nr, answers: future ? list.map(() => unknown) : list });
      }
    }
  });

  test("no-new-privileges, dropped and added capabilities", () => {
    const { stdout } = box.run(
      "cat /proc/self/status",
      {},
      { SecurityOpt: ["no-new-privileges"], CapDrop: ["ALL"], CapAdd: ["net_admin"] },
    );
    expect(status(stdout, "NoNewPrivs")).toBe("1");
    expect(status(stdout, "CapEff")).toBe("0000000000001000");
    expect(status(stdout, "CapBnd")).toBe("0000000000001000");
  });

  test("systempaths=unconfined and empty lists unmask", () => {
    const unmasked = "mount | grep -c ' on /proc/'";
    expect(box.run(unmasked, {}, { SecurityOpt: ["systempaths=unconfined"] }).stdout).toBe("0\n");
    expect(box.run(unmasked, {}, { MaskedPaths: [], ReadonlyPaths: [] }).stdout).toBe("0\n");
  });

  test("--privileged gives what the daemon has, the devices, and writable system paths", () => {
    const { stdout, stderr } = box.run(
      "cat /proc/self/status; ls /dev; mount; touch /sys/fs/cgroup/x 2>&1",
      {},
      { Privileged: true },
    );
    expect(stderr).toBe("");
    const own = readFileSync("/proc/self/status", "utf8");
    expect(status(stdout, "CapEff")).toBe(status(own, "CapEff") ?? "");
    expect(status(stdout, "Seccomp")).toBe("0");
    expect(stdout).toContain("loop-control\n");
    expect(stdout).toMatch(/sysfs on \/sys type sysfs \(rw/);
    expect(stdout).not.toMatch(/ on \/proc\/sys /);
  });
});

describe("users", () => {
  test("by name, with groups; without capabilities at hand", () => {
    const { stdout } = box.run("id; env; cat /proc/self/status", { User: "alice" }, { GroupAdd: ["77"] });
    expect(stdout).toContain("uid=1000(alice) gid=1000(alice) groups=29(audio),77,1000(alice)");
    expect(stdout).toContain("HOME=/home/alice\n");
    expect(status(stdout, "CapEff")).toBe("0000000000000000");
    expect(status(stdout, "CapBnd")).toBe("00000000a80425fb");
  });

  test("a passwd file that is a link out of the container is looked up inside it", () => {
    using evil = new CrunBox();
    const etc = join(evil.rootfs, "etc");
    writeFileSync(join(evil.directory, "outside"), "mallory:x:0:0::/:\n");
    symlinkSync(join(evil.directory, "outside"), join(etc, "passwd.new"));
    mkdirSync(join(evil.rootfs, "home/x"));
    symlinkSync("../../../../../../../../../etc", join(evil.rootfs, "home/x/up"));
    const run = (User: string) => evil.run("id -u", { User });
    expect(run("alice").stdout).toBe("1000\n");
    const passwd = join(etc, "passwd");
    writeFileSync(join(evil.rootfs, "tmp/passwd"), "bob:x:7:7::/:\n");
    Bun.spawnSync(["ln", "-sf", "/tmp/passwd", passwd]);
    expect(run("bob").stdout).toBe("7\n");
    Bun.spawnSync(["ln", "-sf", join(evil.directory, "outside"), passwd]);
    expect(() => run("mallory")).toThrow("unable to find user mallory: no matching entries in passwd file");
  });
});

describe("files", () => {
  test("the working directory is made, and never outside of the container", () => {
    symlinkSync("/tmp/../../../..", join(box.rootfs, "leak"));
    expect(box.run("pwd", { WorkingDir: "/new/dir" }).stdout).toBe("/new/dir\n");
    expect(box.run("pwd", { WorkingDir: `/leak/longshore-${process.pid}/here` }).code).toBe(0);
    expect(existsSync(`/longshore-${process.pid}`)).toBe(false);
    expect(existsSync(join(box.rootfs, `longshore-${process.pid}/here`))).toBe(true);
    expect(() => box.run("pwd", { WorkingDir: "/etc/passwd" })).toThrow(
      "Cannot mkdir: /etc/passwd is not a directory",
    );
  });

  test("--read-only, with a tmpfs to write to", () => {
    const { stdout, stderr } = box.run(
      "touch /x; touch /dev/shm/y && echo shm; touch /run/z && echo run; mount | grep ' /run '",
      {},
      { ReadonlyRootfs: true, Tmpfs: { "/run": "size=1m,exec" } },
    );
    expect(stderr).toContain("Read-only file system");
    expect(stdout).toContain("shm\nrun\n");
    expect(stdout).toContain("tmpfs on /run type tmpfs (rw,nosuid,nodev,relatime,size=1024k)");
  });

  test("binds: read-write, read-only with all below, inner after outer, network files", () => {
    const host = join(box.directory, "host");
    mkdirSync(join(host, "sub"), { recursive: true });
    writeFileSync(join(host, "hosts"), "127.0.0.1 here\n");
    const { stdout, stderr } = box.run(
      "touch /b/made /b/c/made; touch /r/x; touch /r/sub/x; cat /etc/hosts; ls /b/c",
      {},
      {},
      {
        mounts: [bind(join(host, "sub"), "/b/c"), bind(host, "/b"), bind(host, "/r", { rw: false })],
        networkFiles: {
          resolvConf: join(host, "hosts"),
          hostname: join(host, "hosts"),
          hosts: join(host, "hosts"),
        },
      },
    );
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
    expect(stdout).toBe("127.0.0.1 here\nmade\n");
    expect(existsSync(join(host, "made"))).toBe(true);
  });

  test("a read-only bind covers what is mounted below its source, unless that is not wanted", () => {
    const host = join(box.directory, "nested");
    mkdirSync(join(host, "sub"), { recursive: true });
    const run = (more: Partial<MountPoint>) =>
      box.runInput(
        box.input(
          "touch /r/sub/x && echo written",
          {},
          {},
          {
            mounts: [bind(host, "/r", { rw: false, ...more })],
          },
        ),
        `mount -t tmpfs tmpfs '${host}/sub'`,
      );
    expect(run({}).stderr).toContain("Read-only file system");
    expect(run({ spec: { BindOptions: { ReadOnlyNonRecursive: true } } }).stdout).toBe("written\n");
    expect(run({ spec: { BindOptions: { NonRecursive: true } } }).stderr).toContain("Read-only file system");
  });

  test("a bind keeps what its source's mount forbids", () => {
    const host = join(box.directory, "strict");
    mkdirSync(host);
    mount("tmpfs", host, "tmpfs", mountFlags.noExec | mountFlags.noSuid);
    try {
      mkdirSync(join(host, "deep"));
      const { stdout } = box.run("mount | grep /r", {}, {}, { mounts: [bind(join(host, "deep"), "/r")] });
      expect(stdout).toContain("tmpfs on /r type tmpfs (rw,nosuid,noexec,relatime");
    } finally {
      unmount(host, { detach: true });
    }
  });

  test("--device gives a device of the host by another name", () => {
    const Devices = [{ PathOnHost: "/dev/zero", PathInContainer: "/dev/nought", CgroupPermissions: "r" }];
    const { stdout } = box.run(
      "stat -c %t:%T /dev/nought; dd if=/dev/nought bs=1 count=1 2>/dev/null | grep -c .",
      {},
      { Devices },
    );
    expect(stdout).toStartWith("1:5\n");
    const Missing = [{ PathOnHost: "/dev/nosuch", PathInContainer: "/x", CgroupPermissions: "rwm" }];
    expect(() => box.run("true", {}, { Devices: Missing })).toThrow(
      'error gathering device information while adding custom device "/dev/nosuch": no such file or directory',
    );
  });
});

describe("limits and namespaces", () => {
  test("ulimits above what the daemon may give are lowered, never an error", () => {
    const { code, stdout, stderr } = box.run(
      "ulimit -Hn; ulimit -Sn; ulimit -Hc; ulimit -Sl",
      {},
      {
        Ulimits: [
          { Name: "nofile", Soft: 1_048_576, Hard: 1_048_576 },
          { Name: "core", Soft: -1, Hard: -1 },
          { Name: "memlock", Soft: -1, Hard: -1 },
        ],
      },
    );
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const [hard = "", soft = "", core = ""] = stdout.split("\n");
    const most = box.host.hardLimits?.nofile ?? 1_048_576;
    expect([hard, soft]).toEqual([String(most), String(most)]);
    expect(core).toBe("unlimited");
  });

  test("memory, CPU and pids reach the cgroup", () => {
    const read =
      'for f in memory/memory.limit_in_bytes memory.max cpu/cpu.cfs_quota_us cpu/cpu.shares cpu.max pids/pids.max pids.max cpuset/cpuset.cpus cpuset.cpus; do cat /sys/fs/cgroup/$f 2>/dev/null && echo "^$f"; done';
    const { stdout } = box.run(
      read,
      {},
      { Memory: 67_108_864, NanoCpus: 1_500_000_000, CpuShares: 512, PidsLimit: 50, CpusetCpus: "0" },
    );
    expect(stdout).toMatch(/^67108864\n\^memory/m);
    expect(stdout).toMatch(/^150000( 100000)?\n\^cpu/m);
    expect(stdout).toMatch(/^50\n\^pids/m);
    expect(stdout).toMatch(/^0\n\^cpuset/m);
  });

  test("the kernel's own namespaces, shared where asked", () => {
    const names = "for n in uts pid ipc cgroup; do readlink /proc/self/ns/$n; done";
    const host = (name: string) =>
      Bun.spawnSync(["readlink", `/proc/self/ns/${name}`])
        .stdout.toString()
        .trim();
    const own = box.run(names).stdout.split("\n");
    expect(own).not.toContain(host("uts"));
    expect(own).not.toContain(host("ipc"));
    expect(own).toContain(host("cgroup"));
    const shared = box
      .run(names, {}, { UTSMode: "host", IpcMode: "host", CgroupnsMode: "private" })
      .stdout.split("\n");
    expect(shared).toContain(host("uts"));
    expect(shared).toContain(host("ipc"));
    expect(shared).not.toContain(host("cgroup"));
  });

  test("domain name, sysctls and unprivileged ports", () => {
    const { stdout, stderr } = box.run(
      "cat /proc/sys/kernel/domainname /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_unprivileged_port_start",
      { Domainname: "example.test" },
      { Sysctls: { "kernel.msgmax": "60000" } },
    );
    expect(stderr).toBe("");
    expect(stdout).toBe("example.test\n60000\n0\n");
  });

  test("an OOM score below what may be given is lowered to that", () => {
    const { code, stdout } = box.run("cat /proc/self/oom_score_adj", {}, { OomScoreAdj: -500 });
    expect(code).toBe(0);
    expect(Number(stdout)).toBe(Math.max(-500, box.host.leastOomScoreAdj ?? -500));
  });

  test("--init runs the host's init as process 1", () => {
    const init = join(box.directory, "init");
    writeFileSync(init, '#!/bin/sh\necho "init $*"\nshift\nexec "$@"\n', { mode: 0o755 });
    const { stdout } = box.run("echo $0 ran", {}, { Init: true }, { initPath: init });
    expect(stdout).toBe("init -- /bin/sh -c echo $0 ran\n/bin/sh ran\n");
  });
});

describe("a process that is executed in a container", () => {
  test("has the container's environment, user and confinement, and what it asks for itself", () => {
    const container = box.input("", { Env: ["A=1", "B=2"], User: "alice", WorkingDir: "/tmp" });
    const show = ["/bin/sh", "-c", "id -u; pwd; env; cat /proc/self/status"];
    const same = box.exec(container, { args: show, env: ["B=3"] });
    expect(same.stderr).toBe("");
    expect(same.stdout).toStartWith("1000\n/tmp\n");
    expect(same.stdout).toContain("A=1\n");
    expect(same.stdout).toContain("B=3\n");
    expect(status(same.stdout, "CapEff")).toBe("0000000000000000");
    expect(status(same.stdout, "Seccomp")).toBe("2");
    const root = box.exec(
      { ...container, id: `${container.id}-root` },
      { args: show, user: "root", workingDir: "/", privileged: true },
    );
    expect(root.stdout).toStartWith("0\n/\n");
    const own = readFileSync("/proc/self/status", "utf8");
    expect(status(root.stdout, "CapEff")).toBe(status(own, "CapEff") ?? "");
  });
});

describe("/dev/shm", () => {
  test("is shared with a container that joins", () => {
    const shmPath = join(box.directory, "shm");
    mountShm(shmPath, 4096 * 16);
    try {
      const host = { IpcMode: "shareable" };
      box.run("echo hello > /dev/shm/x", {}, host, { shmPath });
      const joined = box.run("cat /dev/shm/x; mount | grep /dev/shm", {}, host, { shmPath });
      expect(joined.stdout).toStartWith("hello\n");
      expect(joined.stdout).toContain("(rw,nosuid,nodev,noexec,relatime,size=64k)");
    } finally {
      unmount(shmPath, { detach: true });
    }
  });
});
