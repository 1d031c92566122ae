import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

const git = Bun.which("git");
if (git === null) console.warn("skipped: git is not installed");

let daemon: TestDaemon;
let folder: string;
let server: ReturnType<typeof Bun.serve>;
let commit: string;

/** A repository with two commits, a tag, a folder, and a link that leads out of it. */
async function makeRepository(): Promise<void> {
  const work = join(folder, "work");
  const call = async (...words: string[]) => {
    const env = { GIT_CONFIG_GLOBAL: "/dev/null", HOME: folder };
    const identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"];
    const { code, stdout, stderr } = await run([git ?? "", "-C", work, ...identity, ...words], { env });
    if (code !== 0) throw new Error(stderr);
    return stdout.trim();
  };
  mkdirSync(join(work, "sub"), { recursive: true });
  await call("init", "-q");
  writeFileSync(join(work, "Dockerfile"), "FROM busybox\nCOPY f /f\n");
  writeFileSync(join(work, "f"), "old\n");
  writeFileSync(join(work, "sub/Dockerfile"), "FROM busybox\nCOPY . /\nRUN echo sub > /f\n");
  symlinkSync("/etc", join(work, "out"));
  await call("add", ".");
  await call("commit", "-q", "-m", "one");
  await call("tag", "v1");
  commit = await call("rev-parse", "HEAD");
  writeFileSync(join(work, "f"), "new\n");
  await call("commit", "-q", "-a", "-m", "two");
  await call("clone", "-q", "--bare", ".", join(folder, "served/r.git"));
  await call("-C", join(folder, "served/r.git"), "update-server-info");
}

beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  folder = mkdtempSync(join(tmpdir(), "longshore-remote-"));
  mkdirSync(join(folder, "served"));
  if (git !== null) await makeRepository();
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const path = join(folder, "served", decodeURIComponent(new URL(request.url).pathname));
      const file = Bun.file(path);
      const type = path.endsWith("Dockerfile") ? { "content-type": "text/plain" } : undefined;
      return (await file.exists())
        ? new Response(file, type && { headers: type })
        : new Response("no", { status: 404 });
    },
  });
});
afterAll(async () => {
  await server.stop(true);
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const at = (path: string) => `http://127.0.0.1:${server.port}/${path}`;
const build = (...args: string[]) => daemon.docker("build", ...args);
const cat = (image: string, ...paths: string[]) =>
  daemon.must("run", "--rm", "--network", "none", image, "cat", ...paths);

describe.skipIf(git === null)("git", () => {
  test.each([
    ["", "new"],
    ["#v1", "old"],
    ["#main", "new"],
    ["#main:sub", "sub"],
    ["#:sub", "sub"],
    ["?ref=v1", "old"],
    ["?branch=main&subdir=/sub/", "sub"],
    ["?tag=v1#refs/tags/v1", "old"],
    ["?submodules=0&keep-git-dir", "new"],
  ])("a context of r.git%s", async (fragment, wanted) => {
    expect(await build("-t", "fromgit", `${at("r.git")}${fragment}`)).toMatchObject({ code: 0 });
    expect(await cat("fromgit", "/f")).toBe(wanted);
  });

  test("a context of a commit", async () => {
    expect(await build("-t", "fromgit", `${at("r.git")}#${commit}`)).toMatchObject({ code: 0 });
    expect(await cat("fromgit", "/f")).toBe("old");
  });

  test.each([
    ["?ref=v1&ref=main", 'query "ref" has multiple values'],
    ["?ref=", 'query "ref" has no value'],
    ["?ref=v1#main", 'ref conflicts: "main" vs "v1"'],
    ["?subdir=sub#:other", 'subdir conflicts: "other" vs "sub"'],
    ["?tag=v1&branch=main", "branch conflicts with tag"],
    ["?tag=v1&ref=main", 'ref conflicts: "main" vs "refs/tags/v1"'],
    ["?what=1", 'unexpected query "what"'],
    ["?submodules=x", 'invalid submodules value: "x"'],
    ["?checksum=zz", "invalid checksum zz for Git URL, expected hex commit hash"],
    ["?checksum=deadbeef", "expected checksum to match deadbeef, got "],
  ])("what is wrong with r.git%s is said", async (query, message) => {
    const { code, stderr } = await build(`${at("r.git")}${query}`);
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
  });

  test("a repository stands for a base image, and for files", async () => {
    const context = join(folder, "named");
    mkdirSync(context);
    const named = ["--build-context", `base=${at("r.git")}?tag=v1&checksum=${commit}`];
    for (const lines of ["FROM base", "FROM scratch\nCOPY --from=base f /f"]) {
      writeFileSync(join(context, "Dockerfile"), `${lines}\nCMD ["/f"]\n`);
      expect(await build("-q", ...named, "-o", join(folder, "named-out"), context)).toMatchObject({
        code: 0,
      });
      expect(readFileSync(join(folder, "named-out/f"), "utf8")).toBe("old\n");
    }
  });

  test("ADD takes what the address says, and what the flags say must agree with it", async () => {
    const context = join(folder, "add-query");
    mkdirSync(context);
    const add = (line: string) => {
      writeFileSync(join(context, "Dockerfile"), `FROM scratch\nADD ${line} /\n`);
      return build("-o", join(folder, `added-${crypto.randomUUID()}`), context);
    };
    const url = at("r.git");
    expect(await add(`${url}?keep-git-dir=true&checksum=${commit}&ref=v1`)).toMatchObject({ code: 0 });
    for (const [line, message] of [
      [`--keep-git-dir=false ${url}?keep-git-dir=true`, "inconsistent keep-git-dir configuration"],
      [`--checksum=deadbeef ${url}?checksum=${commit}`, `checksum mismatch "deadbeef" != "${commit}"`],
    ] as const) {
      expect((await add(line)).stderr).toContain(message);
    }
  });

  test("ADD, with and without .git, and with a checksum", async () => {
    const context = join(folder, "add");
    mkdirSync(context);
    const url = at("r.git");
    const lines = [
      "FROM busybox",
      `ADD ${url}#v1 /one`,
      `ADD --keep-git-dir ${url} /two`,
      `ADD --checksum=${commit} ${url}#v1:sub /three/`,
    ];
    writeFileSync(join(context, "Dockerfile"), lines.join("\n"));
    expect(await build("-t", "addgit", context)).toMatchObject({ code: 0 });
    expect(await cat("addgit", "/one/f", "/two/f", "/two/.git/HEAD")).toStartWith("old\nnew\n");
    const names = await daemon.must(
      "run",
      "--rm",
      "--network",
      "none",
      "addgit",
      "ls",
      "-a",
      "/one",
      "/three",
    );
    expect(names).not.toContain(".git");
    writeFileSync(join(context, "Dockerfile"), `FROM busybox\nADD --checksum=${commit} ${url} /x`);
    expect((await build(context)).stderr).toContain(`expected checksum to match ${commit}, got `);
  });

  test.each([
    ["nowhere.git", "failed to load"],
    ["r.git#nobranch", "failed to load"],
    ["r.git#:nofolder", "failed to resolve folder nofolder"],
    ["r.git#:out", "failed to resolve folder out"],
    ["r.git#--upload-pack=x", "invalid git repository"],
    ["r.git#:../..", "invalid folder of a git repository"],
  ])("%s is refused", async (path, message) => {
    const { code, stderr } = await build(at(path));
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });
  });
});

test("a context of a tar and of a Dockerfile by HTTP", async () => {
  const files = join(folder, "tarred");
  mkdirSync(files);
  writeFileSync(join(files, "Dockerfile"), "FROM busybox\nCOPY f /f\n");
  writeFileSync(join(files, "f"), "tarred\n");
  await run(["tar", "-C", files, "-czf", join(folder, "served/c.tar.gz"), "."]);
  expect(await build("-t", "fromtar", at("c.tar.gz"))).toMatchObject({ code: 0 });
  expect(await cat("fromtar", "/f")).toBe("tarred");
  writeFileSync(join(folder, "served/Dockerfile"), "FROM busybox\nRUN echo plain > /f\n");
  expect(await build("-t", "fromfile", at("Dockerfile"))).toMatchObject({ code: 0 });
  expect(await cat("fromfile", "/f")).toBe("plain");
  expect((await build(at("none.tar"))).stderr).toContain("invalid response status 404");
});

test("ADD of an address, with its checksum", async () => {
  const context = join(folder, "url");
  mkdirSync(context);
  writeFileSync(join(folder, "served/data"), "data\n");
  const hash = new Bun.CryptoHasher("sha256").update("data\n").digest("hex");
  const add = (checksum: string) =>
    writeFileSync(
      join(context, "Dockerfile"),
      `FROM busybox\nADD --checksum=sha256:${checksum} ${at("data")} /d/`,
    );
  add(hash);
  expect(await build("-t", "addurl", context)).toMatchObject({ code: 0 });
  expect(await cat("addurl", "/d/data")).toBe("data");
  add("0".repeat(64));
  expect((await build(context)).stderr).toContain(`digest mismatch sha256:${hash}: sha256:${"0".repeat(64)}`);
});
