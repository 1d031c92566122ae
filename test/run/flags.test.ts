import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { clients } from "../harness/process.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());

/** What a shell in a new container prints. */
const shell = (flags: string[], script: string) =>
  daemon.must("run", "--rm", ...flags, "busybox", "sh", "-c", script);

describe.each(clients)("%s", (name, program) => {
  beforeAll(() => {
    daemon.client = program;
  });

  test("without -i a container has no input; with it, it has the client's", async () => {
    expect(await daemon.feed("a\nb\n", "run", "--rm", "busybox", "cat")).toMatchObject({
      code: 0,
      stdout: "",
    });
    const { stdout, code } = await daemon.feed("a\nb\n", "run", "-i", "--rm", "busybox", "cat");
    expect({ stdout, code }).toEqual({ stdout: "a\nb\n", code: 0 });
  });

  test("much output, on both streams, arrives whole and apart", async () => {
    const script = "yes line | head -c 3000000; yes complaint | head -c 1000000 >&2";
    const { stdout, stderr } = await daemon.docker("run", "--rm", "busybox", "sh", "-c", script);
    expect(stdout.length).toBe(3_000_000);
    expect(stdout.replaceAll("line\n", "")).toBe("");
    expect(stderr.length).toBe(1_000_000);
    expect(stderr.replaceAll("complaint\n", "")).toBe("");
  });

  test("much input arrives whole", async () => {
    const input = "0123456789abcde\n".repeat(200_000);
    const { stdout } = await daemon.feed(input, "run", "-i", "--rm", "busybox", "md5sum");
    expect(stdout.split(" ")[0]).toBe(new Bun.CryptoHasher("md5").update(input).digest("hex"));
  });

  test("-t gives a terminal: one stream, with carriage returns", async () => {
    const { stdout, stderr } = await daemon.docker(
      "run",
      "-t",
      "--rm",
      "busybox",
      "sh",
      "-c",
      "tty; echo x >&2",
    );
    expect(stdout).toBe("/dev/pts/0\r\nx\r\n");
    expect(stderr).toBe("");
  });

  test("-d prints the id and leaves the container running; --name names it", async () => {
    const id = await daemon.must("run", "-d", "--name", "background", "busybox", "sleep", "60");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await daemon.inspect("background", "{{.Id}} {{.State.Running}}")).toBe(`${id} true`);
    const again = await daemon.docker("run", "--name", "background", "busybox");
    expect(again.code).toBe(125);
    expect(again.stderr).toContain(
      `Conflict. The container name "/background" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
    await daemon.must("rm", "-f", "background");
  });

  test("-e and --env-file: values, the client's own, comments, the last one wins", async () => {
    const file = join(daemon.root, "env");
    writeFileSync(file, "# comment\nFROM_FILE=with space\n\nLATER=file\nDOCKER_HOST\n");
    const printed = await shell(
      ["--env-file", file, "-e", "LATER=flag", "-e", "EMPTY=", "-e", "NOT_SET_ANYWHERE", "-e", "A=b=c"],
      "env",
    );
    const lines = printed.split("\n");
    expect(lines).toContain("FROM_FILE=with space");
    expect(lines).toContain("LATER=flag");
    expect(lines).toContain("EMPTY=");
    expect(lines).toContain("A=b=c");
    expect(lines).toContain(`DOCKER_HOST=${daemon.host}`);
    expect(lines).toContain("HOME=/root");
    expect(printed).not.toContain("NOT_SET_ANYWHERE");
  });

  test("-w makes the working directory; -u takes names and numbers", async () => {
    expect(await shell(["-w", "/new/deep"], "pwd")).toBe("/new/deep");
    expect(await shell(["-u", "1234:5678"], "id -u; id -g")).toBe("1234\n5678");
    expect(await shell(["-u", "nobody"], "id -un; id -g")).toBe("nobody\n65534");
  });

  test("-h names the host, and /etc/hosts and /etc/hostname know it", async () => {
    const printed = await shell(
      ["-h", "harbour"],
      "hostname; cat /etc/hostname; tail -1 /etc/hosts | cut -f2",
    );
    expect(printed).toBe("harbour\nharbour\nharbour");
    const id = await daemon.must("run", "--rm", "busybox", "hostname");
    expect(id).toMatch(/^[0-9a-f]{12}$/);
  });

  test("--entrypoint takes the place of the image's", async () => {
    expect(await daemon.must("run", "--rm", "--entrypoint", "echo", "busybox", "a", "b")).toBe("a b");
  });

  test("--label and --label-file are kept", async () => {
    const file = join(daemon.root, "labels");
    writeFileSync(file, "from.file=1\n");
    await daemon.must(
      "create",
      "--name",
      "labelled",
      "-l",
      "a=b",
      "--label-file",
      file,
      "-l",
      "bare",
      "busybox",
    );
    expect(await daemon.inspect("labelled", "{{json .Config.Labels}}")).toBe(
      '{"a":"b","bare":"","from.file":"1"}',
    );
    await daemon.must("rm", "labelled");
  });

  test("-m and --cpus limit the container's cgroup", async () => {
    await daemon.must(
      "run",
      "-d",
      "--name",
      "limited",
      "-m",
      "64m",
      "--cpus",
      "0.5",
      "busybox",
      "sleep",
      "60",
    );
    const id = await daemon.inspect("limited", "{{.Id}}");
    const read = (v1: string, v2: string) =>
      ["", "memory/", "cpu/"]
        .flatMap((hierarchy) =>
          [v1, v2].map((file) => `/sys/fs/cgroup/${hierarchy}${daemon.cgroupParent}/${id}/${file}`),
        )
        .filter((path) => existsSync(path))
        .map((path) => readFileSync(path, "utf8").trim())[0];
    expect(read("memory.limit_in_bytes", "memory.max")).toBe(String(64 << 20));
    expect(read("cpu.cfs_quota_us", "cpu.max")).toMatch(/^50000( 100000)?$/);
    expect(await daemon.inspect("limited", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}")).toBe(
      "67108864 500000000",
    );
    await daemon.must("rm", "-f", "limited");
  });

  test("a container that takes too much memory is killed, and the state says why", async () => {
    const script = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done";
    const { code } = await daemon.docker(
      "run",
      "--name",
      "greedy",
      "-m",
      "16m",
      "busybox",
      "sh",
      "-c",
      script,
    );
    expect(code).toBe(137);
    expect(await daemon.inspect("greedy", "{{.State.OOMKilled}}")).toBe("true");
    await daemon.must("rm", "greedy");
  });

  test("--read-only: the root cannot be written, tmpfs and volumes can", async () => {
    expect(
      await shell(
        ["--read-only", "--tmpfs", "/t", "-v", "/v"],
        "touch /x 2>/dev/null || echo refused; touch /t/x /v/x && echo written",
      ),
    ).toBe("refused\nwritten");
  });

  test("-v binds a folder of the host, which is made when it is missing; :ro is read-only", async () => {
    const folder = join(daemon.root, `made for ${name}`);
    await shell(["-v", `${folder}:/b`], "echo from inside > /b/file");
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("from inside\n");
    expect(await shell(["-v", `${folder}:/b:ro`], "cat /b/file; touch /b/x 2>&1 | cut -d: -f3")).toBe(
      "from inside\n Read-only file system",
    );
  });

  test("a single file is bound too, read-only as well", async () => {
    const path = join(daemon.root, `file for ${name}`);
    writeFileSync(path, "one\n");
    const write = "cat /f; echo two > /f 2>/dev/null; echo $?";
    expect(await shell(["-v", `${path}:/f:ro`], write)).toBe("one\n1");
    expect(await shell(["--mount", `type=bind,src=${path},dst=/f,readonly`], write)).toBe("one\n1");
    expect(await shell(["-v", `${path}:/f`], write)).toBe("one\n0");
  });

  test("-v with a name keeps the volume; without one, --rm takes it along", async () => {
    const volume = `kept-${daemon.client.length}`;
    await shell(["-v", `${volume}:/v`, "-v", "/anonymous"], "echo kept > /v/file");
    expect(await shell(["-v", `${volume}:/elsewhere`], "cat /elsewhere/file")).toBe("kept");
    expect(await daemon.must("volume", "ls", "-q")).toBe(volume);
    await daemon.must("volume", "rm", volume);
  });

  test("a new volume gets what the image has at its place", async () => {
    expect(await shell(["-v", "/etc"], "ls /etc/passwd; mount | grep -c ' /etc '")).toBe("/etc/passwd\n1");
  });

  test("--mount: bind, volume, tmpfs", async () => {
    const folder = join(daemon.root, "source");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "file"), "bound\n");
    expect(
      await shell(
        ["--mount", `type=bind,src=${folder},dst=/b,readonly`],
        "cat /b/file; touch /b/x 2>/dev/null || echo ro",
      ),
    ).toBe("bound\nro");
    expect(
      await shell(
        ["--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700"],
        "stat -c %a /t; df -k /t | awk 'END {print $2}'",
      ),
    ).toBe("700\n1024");
    await shell(["--mount", "type=volume,src=mounted,dst=/v"], "touch /v/x");
    const mountpoint = await daemon.must("volume", "inspect", "-f", "{{.Mountpoint}}", "mounted");
    expect(statSync(join(mountpoint, "x")).isFile()).toBe(true);
    await daemon.must("volume", "rm", "mounted");
  });

  test("--rm takes the container away when it ends, however it ends", async () => {
    await daemon.must("run", "-d", "--rm", "--name", "fleeting", "busybox", "sleep", "60");
    await daemon.must("kill", "fleeting");
    await daemon.docker("wait", "fleeting");
    expect(await daemon.must("ps", "-aq")).toBe("");
  });

  test("--ulimit, --shm-size, --add-host, --dns reach the container", async () => {
    const printed = await shell(
      [
        "--ulimit",
        "nofile=512:1024",
        "--shm-size",
        "8m",
        "--add-host",
        "buoy:10.1.2.3",
        "--dns",
        "192.0.2.1",
      ],
      "ulimit -n; df -k /dev/shm | awk 'END {print $2}'; grep buoy /etc/hosts; grep nameserver /etc/resolv.conf",
    );
    expect(printed).toBe("512\n8192\n10.1.2.3\tbuoy\nnameserver 192.0.2.1");
  });
});
