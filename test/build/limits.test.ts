/** What a build does at the limits: loud steps, steps that take too much, long Dockerfiles, secrets, hostile archives. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { dist, type Finished, run } from "../harness/process.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "longshore-limits-"));
  const trace = join(folder, "trace");
  process.env.DOCKERD_TRACE = trace;
  try {
    daemon = await TestDaemon.start({ images: ["busybox"] });
  } finally {
    delete process.env.DOCKERD_TRACE;
  }
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

let number = 0;

function context(files: Record<string, string>): string {
  const path = join(folder, `context-${number++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const doors: [name: string, kit: string][] = [
  ["BuildKit's", "1"],
  ["classic", "0"],
];

function build(kit: string, args: string[], env: Record<string, string> = {}): Promise<Finished> {
  return run([join(dist, "docker"), "build", ...args], {
    env: { ...daemon.env, ...env, DOCKER_BUILDKIT: kit },
  });
}

/** The most memory that the daemon has had, in MB. */
function peak(): number {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}

describe.each(doors)("by the %s door", (_door, kit) => {
  test("a step that takes too much memory is told as such, with the limit", async () => {
    const path = context({ Dockerfile: "FROM busybox\nRUN echo begun; tail /dev/zero\n" });
    const { stdout, stderr, code } = await build(kit, ["-m", "16m", path]);
    expect(stdout + stderr).toContain("begun");
    expect(stderr).toMatch(/137: killed, out of memory \(the limit is 16MiB\)/);
    expect(code).toBe(kit === "1" ? 1 : 137);
  });

  test("all of what a loud step says arrives, and nothing grows", async () => {
    const loud = "RUN head -c 10000000 /dev/zero | tr '\\0' x; echo; yes line | head -n 300000\n";
    const path = context({ Dockerfile: `FROM busybox\n${loud}` });
    const { stdout, stderr } = await build(kit, ["--no-cache", path]);
    const said = stdout + stderr;
    expect(said.match(/x/g)?.length).toBeGreaterThanOrEqual(10_000_000);
    expect(said.match(/line$/gm)?.length).toBe(300_000);
    expect(peak()).toBeLessThan(500);
  });
});

test("a Dockerfile of 10,000 lines, each with a warning, takes no more memory than a short one", async () => {
  const lines = Array.from({ length: 9000 }, (_, at) =>
    at % 3 === 0 ? `LABEL l${at}=$u${at}` : `ENV v${at}=1`,
  );
  const path = context({ Dockerfile: ["FROM busybox", ...lines, "RUN env | wc -l", ""].join("\n") });
  const { stderr, code } = await build("1", [path]);
  expect(code).toBe(0);
  expect(stderr).toContain("3000 warnings found");
  expect(peak()).toBeLessThan(500);
});

/** Files below `paths` that have `text` in them. */
function filesWith(text: string, ...paths: string[]): string[] {
  const { stdout } = Bun.spawnSync(["grep", "-raFl", text, ...paths]);
  return stdout.toString().split("\n").filter(Boolean);
}

describe("secrets", () => {
  const secret = "s3cr3t-4711-of-the-build";
  const Dockerfile = [
    "FROM busybox",
    "RUN --mount=type=secret,id=file --mount=type=secret,id=env,env=TOKEN \\",
    "  test $(cat /run/secrets/file) = $TOKEN",
    "RUN --mount=type=secret,id=file,target=/root/.netrc,mode=0600,uid=7 \\",
    "  --mount=type=secret,id=env,env=TOKEN,target=/also test -s /root/.netrc",
    "ARG code=0",
    "RUN --mount=type=secret,id=env,env=TOKEN exit $code",
    "",
  ].join("\n");
  const args = () => {
    const file = join(folder, "the-secret");
    writeFileSync(file, secret);
    const path = context({ Dockerfile });
    return ["--secret", `id=file,src=${file}`, "--secret", "id=env,env=BUILD_TOKEN", path];
  };
  /** Everything that the daemon writes to. */
  const found = () => {
    const files = filesWith(secret, daemon.dataRoot, daemon.execRoot, join(daemon.root, "dockerd.log"));
    return [...files, ...filesWith(secret, join(folder, "trace"))];
  };

  test("are nowhere after a build, nor after one that failed", async () => {
    const done = await build("1", ["-t", "secrets", ...args()], { BUILD_TOKEN: secret });
    expect(done.stderr + done.stdout).not.toContain(secret);
    expect(done.code).toBe(0);
    expect(found()).toEqual([]);
    const failed = await build("1", ["--build-arg", "code=3", ...args()], { BUILD_TOKEN: secret });
    expect(failed.code).toBe(1);
    expect(failed.stderr).not.toContain(secret);
    expect(found()).toEqual([]);
    expect(await daemon.must("history", "--no-trunc", "secrets")).not.toContain(secret);
  });

  test("are nowhere after a crash in the middle of the step that has them", async () => {
    const file = join(folder, "the-secret");
    writeFileSync(file, secret);
    const step =
      "RUN --mount=type=secret,id=s --mount=type=secret,id=s,env=TOKEN echo $TOKEN | sha1sum && sleep 60";
    const path = context({ Dockerfile: `FROM busybox\n${step}\n` });
    const child = Bun.spawn(
      [join(dist, "docker"), "build", "--no-cache", "--secret", `id=s,src=${file}`, path],
      {
        env: { ...process.env, ...daemon.env, DOCKER_BUILDKIT: "1" },
        stdout: "ignore",
        stderr: "pipe",
      },
    );
    let said = "";
    for await (const chunk of child.stderr) {
      said += Buffer.from(chunk).toString();
      if (/[0-9a-f]{40}/.test(said)) break;
    }
    await daemon.end("SIGKILL");
    await child.exited;
    expect(filesWith(secret, daemon.dataRoot)).toEqual([]);
    await daemon.launch();
    expect(found()).toEqual([]);
  });
});
