import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { mountsBelow } from "../harness/leftovers.ts";
import { dist, run } from "../harness/process.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox", "hello-world"] });
  folder = mkdtempSync("/tmp/longshore-mounts-");
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const busybox = (options: string[], ...command: string[]) =>
  daemon.must("run", "--rm", ...options, "busybox", ...command);
const refused = async (...options: string[]) => {
  const { stderr, code } = await daemon.docker("run", "--rm", ...options, "busybox", "true");
  // The client takes "no such file or directory" for a program that is missing.
  expect(code).toBe(stderr.includes("no such file or directory") ? 127 : 125);
  return stderr;
};

/** A folder of its own for a test, that belongs to somebody else. */
function owned(name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { mode: 0o755 });
  chownSync(path, 4242, 4343);
  return path;
}
const ownerOf = (path: string) => `${statSync(path).uid}:${statSync(path).gid}`;

describe("owners of a bind mount", () => {
  const cases: [string, (path: string) => string[], string][] = [
    ["-v … :idmap", (path) => ["-v", `${path}:/x:idmap`], "4242:4343"],
    ["--mount …,idmap", (path) => ["--mount", `type=bind,src=${path},dst=/x,idmap`], "4242:4343"],
    ["-v … :uid=", (path) => ["-v", `${path}:/x:uid=4242,gid=7`], "4242:7"],
    ["--mount …,uid=", (path) => ["--mount", `type=bind,src=${path},dst=/x,uid=4242,gid=7`], "4242:7"],
    ["without", (path) => ["-v", `${path}:/x`], "0:0"],
  ];
  test.each(cases)("%s: what the container's root makes belongs to", async (name, options, owner) => {
    const path = owned(`owner ${name}`.replace(/[^a-z]/g, "_"));
    const seen = await busybox(options(path), "sh", "-c", "touch /x/file && stat -c %u:%g /x/file");
    expect(seen).toBe("0:0");
    expect(ownerOf(join(path, "file"))).toBe(owner);
  });

  test("only where the file system can, and with ids", async () => {
    expect(await refused("-v", "/proc:/x:idmap,uid=7")).toContain(
      "cannot map the owners of '/proc': its file system, or one that is mounted below it, does not support ID-mapped mounts",
    );
    expect(await refused("-v", `${folder}:/x:uid=x`)).toContain("invalid uid of an idmap: 'x' is not an id");
    expect(await refused("-v", `${folder}:/x:idmap,idmap`)).toContain("invalid mode: idmap,idmap");
    expect(await refused("--mount", `type=bind,src=${folder},dst=/x,gid=-1`)).toContain("invalid gid");
  });

  test("a new volume belongs to whom it is made for", async () => {
    await busybox(["-v", "mapped:/etc:uid=4242,gid=7"], "touch", "/etc/new");
    const path = await daemon.must("volume", "inspect", "-f", "{{.Mountpoint}}", "mapped");
    const owners = ["", "passwd", "new"].map((name) => ownerOf(join(path, name)));
    expect(owners).toEqual(["4242:7", "4242:7", "4242:7"]);
    await daemon.must("volume", "rm", "mapped");
  });
});

describe("a part of a volume", () => {
  const at = (subpath: string) => ["--mount", `type=volume,src=parts,dst=/y,volume-subpath=${subpath}`];
  beforeAll(async () => {
    await busybox(
      ["-v", "parts:/y"],
      "sh",
      "-c",
      "mkdir -p /y/a/b && echo one >/y/a/file && ln -s /etc /y/out",
    );
  });
  afterAll(() => daemon.must("volume", "rm", "parts"));

  test("is a directory or a file", async () => {
    expect(await busybox(at("a"), "ls", "/y")).toBe("b\nfile");
    expect(await busybox(at("a/file"), "cat", "/y")).toBe("one");
  });

  test("has to be there, and inside", async () => {
    expect(await refused(...at("none"))).toMatch(
      /cannot access path .*_data\/none: no such file or directory/,
    );
    expect(await refused(...at("out"))).toContain("path concatenation escapes the base directory");
    expect(await refused(...at("../parts"))).toContain("subpath must be a relative path within the volume");
  });
});

describe("an image as a mount", () => {
  test("shows its files, read-only; it stays while the container is there", async () => {
    await daemon.must(
      "run",
      "-d",
      "--name",
      "viewer",
      "--mount",
      "type=image,src=hello-world,dst=/h",
      "busybox",
      "sleep",
      "1000",
    );
    expect(await daemon.must("exec", "viewer", "ls", "/h")).toBe("hello");
    expect((await daemon.docker("exec", "viewer", "touch", "/h/x")).stderr).toContain(
      "Read-only file system",
    );
    expect(await daemon.inspect("viewer", "{{range .Mounts}}{{.Type}} {{.Name}} {{.RW}}{{end}}")).toBe(
      "image hello-world false",
    );
    expect((await daemon.docker("rmi", "hello-world")).stderr).toContain("is using its referenced image");
    expect(mountsBelow(join(daemon.execRoot, "mounts"))).toEqual([]);
    await daemon.must("rm", "-f", "viewer");
  });

  test("or a part of it", async () => {
    const options = ["--mount", "type=image,src=busybox,dst=/y,image-subpath=etc"];
    expect(await busybox(options, "ls", "/y")).toContain("passwd");
    expect(await refused("--mount", "type=image,src=nosuch,dst=/y")).toContain(
      "No such image: nosuch:latest",
    );
    expect(await refused("--mount", "type=image,src=busybox,dst=/y,image-subpath=/etc")).toContain(
      "subpath must be a relative path",
    );
  });
});

test("what the image has is in its volumes from create on, for others too", async () => {
  await daemon.must("create", "--name", "data", "-v", "/bin", "-v", "filled:/etc", "busybox");
  expect(await busybox(["--volumes-from", "data", "-v", "filled:/f"], "ls", "/f/passwd", "/bin/sh")).toBe(
    "/bin/sh\n/f/passwd",
  );
  await daemon.must("rm", "-v", "data");
  expect(await daemon.must("volume", "ls", "-q")).toBe("filled");
  await daemon.must("volume", "rm", "filled");
});

test("a volume with a bind as its device is mounted once, and its removal never reaches the source", async () => {
  const source = owned("source");
  writeFileSync(join(source, "precious"), "");
  const options = ["-o", "type=none", "-o", "o=bind,ro", "-o", `device=${source}`];
  await daemon.must("volume", "create", ...options, "bound");
  expect(
    (await daemon.docker("run", "--rm", "-v", "bound:/x", "-v", "bound:/y", "busybox", "touch", "/x/new"))
      .stderr,
  ).toContain("Read-only file system");
  await daemon.must("volume", "rm", "bound");
  expect(existsSync(join(source, "precious"))).toBe(true);
  await daemon.must("volume", "create", "busy");
  const place = await daemon.must("volume", "inspect", "-f", "{{.Mountpoint}}", "busy");
  Bun.spawnSync(["mount", "--bind", source, place]);
  expect((await daemon.docker("volume", "rm", "busy")).stderr).toContain(
    `remove busy: volume is in use - something is mounted at ${place}`,
  );
  Bun.spawnSync(["umount", place]);
  await daemon.must("volume", "rm", "busy");
  expect(existsSync(join(source, "precious"))).toBe(true);
});

test("sources that are not there, or not of the right kind", async () => {
  const made = join(folder, "made/deep");
  await busybox(["-v", `${made}:/x`], "touch", "/x/file");
  expect(existsSync(join(made, "file"))).toBe(true);
  const asked = join(folder, "asked");
  await busybox(["--mount", `type=bind,src=${asked},dst=/x,bind-create-src`], "true");
  expect(existsSync(asked)).toBe(true);
  expect(await refused("--mount", `type=bind,src=${folder}/none,dst=/x`)).toContain(
    `bind source path does not exist: ${folder}/none`,
  );
  symlinkSync("/nonexistent/x", join(folder, "dangling"));
  expect(await refused("-v", `${folder}/dangling:/x`)).toContain(`mkdir ${folder}/dangling: file exists`);
  expect(await refused("-v", "/etc/passwd:/tmp")).toContain(
    "not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)?",
  );
});

test("the daemon's socket works in a container", async () => {
  const system = ["/usr", "/lib", "/lib64"].flatMap((path) => ["-v", `${path}:${path}:ro`]);
  const client = ["-v", `${join(dist, "docker")}:/docker:ro`, "-v", `${daemon.socket}:/run/d.sock`];
  const name = ["--name", "inside"];
  expect(
    await busybox(
      [...system, ...client, ...name],
      "/docker",
      "-H",
      "unix:///run/d.sock",
      "ps",
      "--format",
      "{{.Names}}",
    ),
  ).toBe("inside");
});

test("a volume that cannot be changed says so", async () => {
  await daemon.must("volume", "create", "fixed");
  const { stderr, code } = await daemon.docker("volume", "update", "fixed");
  expect([stderr.trim(), code]).toEqual(["can only update cluster volumes", 1]);
  const answer = await fetch("http://d/v1.50/volumes/fixed?version=1", {
    unix: daemon.socket,
    method: "PUT",
    body: "{}",
    headers: { "Content-Type": "application/json" },
  });
  expect([answer.status, await answer.json()]).toEqual([
    503,
    { message: "volume update only valid for cluster volumes, but swarm is unavailable" },
  ]);
  await daemon.must("volume", "rm", "fixed");
});

test("read-only reaches what is mounted below, unless it is not to; a slave sees what is mounted later, a private not", async () => {
  const tree = owned("tree");
  for (const name of ["below", "later"]) mkdirSync(join(tree, name));
  const mount = async (...args: string[]) => {
    const { code, stderr } = await run(["mount", ...args]);
    if (code !== 0) throw new Error(stderr);
  };
  await mount("--bind", tree, tree);
  try {
    await mount("--make-shared", tree);
    await mount("-t", "tmpfs", "below", join(tree, "below"));
    const bind = `type=bind,src=${tree},dst=/t`;
    const write = "touch /t/top 2>&1; touch /t/below/deep 2>&1; true";
    const written = (flags: string) => busybox(["--mount", `${bind}${flags}`], "sh", "-c", write);
    expect(await written(",readonly")).toMatch(/top: Read-only.*\n.*deep: Read-only/);
    expect(await written(",readonly,bind-recursive=readonly,bind-propagation=rprivate")).toMatch(
      /top: Read-only.*\n.*deep: Read-only/,
    );
    expect(await written(",readonly,bind-recursive=writable")).toMatch(/^touch: [^\n]*top: Read-only[^\n]*$/);
    for (const kind of ["rslave", "rprivate"])
      await daemon.must("run", "-d", "--name", kind, "-v", `${tree}:/t:${kind}`, "busybox", "sleep", "1000");
    await mount("-t", "tmpfs", "later", join(tree, "later"));
    writeFileSync(join(tree, "later/seen"), "");
    const sees = async (name: string) => await daemon.must("exec", name, "ls", "/t/later");
    expect([await sees("rslave"), await sees("rprivate")]).toEqual(["seen", ""]);
    await daemon.must("rm", "-f", "rslave", "rprivate");
  } finally {
    await run(["umount", "-R", tree]);
  }
});
