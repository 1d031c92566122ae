import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";

describe("cp", () => {
  let daemon: TestDaemon;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cp-"));
    daemon = await TestDaemon.start({ images: ["busybox"] });
    await daemon.must("run", "-d", "--name", "running", "busybox", "sleep", "1000");
    await daemon.must("create", "--name", "stopped", "busybox");
    await mkdir(join(folder, "dir/sub"), { recursive: true });
    await writeFile(join(folder, "dir/one"), "one\n");
    await writeFile(join(folder, "dir/sub/two"), "two\n");
    await symlink("one", join(folder, "dir/link"));
    await symlink("dir", join(folder, "todir"));
  }, 60_000);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  }, 60_000);

  const here = (path: string) => join(folder, path);
  const cp = (...args: string[]) => daemon.docker("cp", ...args);
  const good = { stdout: "", stderr: "", code: 0 };
  const text = async (container: string, path: string) => {
    const { stdout } = await daemon.docker("cp", `${container}:${path}`, here("read"));
    expect(stdout).toBe("");
    return readFile(here("read"), "utf8");
  };

  for (const name of ["running", "stopped"]) {
    test(`names follow Docker's rules (${name} container)`, async () => {
      expect(await cp(here("dir"), `${name}:/tmp`)).toMatchObject(good);
      expect(await text(name, "/tmp/dir/sub/two")).toBe("two\n");
      // The place is there now: the folder goes into it; a dot at the end asks for its content.
      await cp(here("dir"), `${name}:/tmp/dir`);
      expect(await text(name, "/tmp/dir/dir/one")).toBe("one\n");
      await cp(`${here("dir")}/.`, `${name}:/tmp/content`);
      expect(await text(name, "/tmp/content/one")).toBe("one\n");
      await cp(here("dir/one"), `${name}:/tmp/renamed`);
      expect(await text(name, "/tmp/renamed")).toBe("one\n");
      await cp("-L", here("dir/link"), `${name}:/tmp/followed`);
      expect(await text(name, "/tmp/followed")).toBe("one\n");
      await cp("-L", here("todir"), `${name}:/tmp/`);
      expect(await text(name, "/tmp/todir/sub/two")).toBe("two\n");
      await cp(`${name}:/tmp/content/.`, here(`back-${name}`));
      expect((await readdir(here(`back-${name}`))).sort()).toEqual(["link", "one", "sub"]);
      expect(await readlink(here(`back-${name}/link`))).toBe("one");
    });

    test(`what does not fit together is refused (${name} container)`, async () => {
      const refused: [string[], string][] = [
        [[here("dir/one"), `${name}:/tmp/no/`], "no such directory\n"],
        [[here("dir"), `${name}:/etc/group`], "cannot copy directory\n"],
        [[here("nosuch"), `${name}:/tmp`], `lstat ${here("nosuch")}: no such file or directory\n`],
        [
          [here("dir/one"), `${name}:/no/x`],
          `Error response from daemon: Could not find the file /no in container ${name}\n`,
        ],
        [
          [`${name}:/no`, here(".")],
          `Error response from daemon: Could not find the file /no in container ${name}\n`,
        ],
        [
          [`${name}:/etc/group`, here("no/x")],
          `invalid output path: directory ${JSON.stringify(here("no"))} does not exist\n`,
        ],
        [["-", `${name}:/etc/group`], `destination "${name}:/etc/group" must be a directory\n`],
        [[`${name}:/a`, `${name}:/b`], "copying between containers is not supported\n"],
      ];
      for (const [args, stderr] of refused) expect(await cp(...args)).toMatchObject({ stderr, code: 1 });
    });
  }

  test("links in a container lead no further than to its root, in both directions", async () => {
    await daemon.must(
      "exec",
      "running",
      "sh",
      "-c",
      "ln -s ../../../../../../../etc /tmp/up; ln -s /etc/hostname /tmp/abs; mkdir /tmp/tree; ln -s ../../../../../../x /tmp/tree/out",
    );
    expect(await cp(here("dir/one"), "running:/tmp/up")).toMatchObject(good);
    expect(await daemon.must("exec", "running", "cat", "/etc/one")).toBe("one");
    expect(await lstat("/etc/one").catch(() => "none")).toBe("none");
    await cp("-L", "running:/tmp/abs", here("abs"));
    expect(await readFile(here("abs"), "utf8")).toBe(
      await daemon.must("exec", "running", "hostname").then((name) => `${name}\n`),
    );
    // The link itself is copied, and not followed.
    expect(await cp("running:/tmp/tree", here("tree"))).toMatchObject(good);
    expect(await readlink(here("tree/out"))).toBe("../../../../../../x");
  });

  test("archives on standard input and output", async () => {
    const { stdout } = await daemon.docker("cp", "running:/etc/group", "-");
    expect(stdout.slice(0, 5)).toBe("group");
    const script = `${daemon.client} cp running:/etc/passwd - | ${daemon.client} cp - stopped:/root && ${daemon.client} cp stopped:/root/passwd - | tar xO`;
    const piped = Bun.spawn(["sh", "-c", script], { env: { ...process.env, ...daemon.env }, stdout: "pipe" });
    expect(await new Response(piped.stdout).text()).toBe(
      `${await daemon.must("exec", "running", "cat", "/etc/passwd")}\n`,
    );
  });

  const tools = ["gzip", "bzip2", "xz", "zstd"].filter((tool) => Bun.which(tool) !== null);
  test.each(tools)(
    "an archive on standard input may be compressed by %s, and says when it is cut",
    async (tool) => {
      const made = `tar c -C ${folder} --transform s/^dir/${tool}/ dir | ${tool}`;
      const pipe = async (filter: string) => {
        const command = `${made} | ${filter} | ${daemon.client} cp - stopped:/root`;
        const child = Bun.spawn(["sh", "-c", command], {
          env: { ...process.env, ...daemon.env },
          stderr: "pipe",
        });
        return [await child.exited, await new Response(child.stderr).text()] as const;
      };
      expect(await pipe("cat")).toEqual([0, ""]);
      expect(await text("stopped", `/root/${tool}/sub/two`)).toBe("two\n");
      const [code, message] = await pipe("head -c 100");
      expect([code, message]).toEqual([1, expect.stringMatching(/unexpected e|unexpectedly/i)]);
    },
  );

  test("the whole root of a running container, without what is the kernel's", async () => {
    await cp("running:/", here("root"));
    expect(await readdir(here("root/proc"))).toEqual([]);
    expect(await readdir(here("root/sys"))).toEqual([]);
    expect(await readdir(here("root/bin"))).toContain("busybox");
  });

  test("the last line is told on a terminal, or when it is asked for", async () => {
    const told = await cp("-q=false", here("dir/one"), "running:/tmp/told");
    expect(told.stderr).toBe("Successfully copied 2.05kB to running:/tmp/told\n");
  });

  test("a reader that stalls holds up nobody, and one that goes away leaves nothing", async () => {
    await daemon.must("exec", "running", "dd", "if=/dev/zero", "of=/big", "bs=1M", "count=30");
    const controller = new AbortController();
    const answer = await fetch("http://d/containers/running/export", {
      unix: daemon.socket,
      signal: controller.signal,
    });
    const reader = answer.body?.getReader();
    await reader?.read();
    for (let round = 0; round < 4; round++) await cp(here("dir"), `running:/tmp/while${round}`);
    expect(await text("running", "/tmp/while3/one")).toBe("one\n");
    controller.abort();
    const whole = await daemon.docker("export", "-o", here("whole.tar"), "running");
    expect(whole.code).toBe(0);
    expect((await lstat(here("whole.tar"))).size).toBeGreaterThan(30 * 1024 * 1024);
  });
});
