import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, run as execute } from "../harness/process.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  await daemon.must("pull", "-q", "busybox");
  folder = mkdtempSync(join(tmpdir(), "longshore-build-"));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

let number = 0;

/** A folder with these files. */
function context(files: Record<string, string>): string {
  const path = join(folder, String(number++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

interface Message {
  stream?: string;
  error?: string;
  errorDetail?: { code?: number };
  aux?: { ID: string };
}

/** `POST /build`, as SDKs call it. */
async function post(
  files: Record<string, string> | string,
  query: Record<string, string> = {},
): Promise<Message[]> {
  const path = typeof files === "string" ? files : context(files);
  const tar = Bun.spawn(["tar", "-C", path, "-c", "."], { stdout: "pipe" });
  const body = await new Response(tar.stdout).arrayBuffer();
  const response = await fetch(`http://localhost/v1.45/build?${new URLSearchParams(query)}`, {
    unix: daemon.socket,
    method: "POST",
    headers: { "content-type": "application/x-tar" },
    body,
  });
  const text = await response.text();
  return text
    .trim()
    .split("\n")
    .map((line): Message => JSON.parse(line));
}

const streamOf = (messages: Message[]) => messages.map(({ stream }) => stream ?? "").join("");
const run = (...args: string[]) => daemon.must("run", "--rm", "--network", "none", ...args);

test("--check tells what the build checks find, and builds nothing", async () => {
  const docker = (...args: string[]) => daemon.docker("build", "--check", ...args);
  const sound = await docker(context({ Dockerfile: "FROM busybox\nRUN exit 4" }));
  expect(sound).toMatchObject({ stdout: "Check complete, no warnings found.\n", code: 0 });
  const path = context({ Dockerfile: "FROM busybox AS b\nENV x=$PATH\nCOPY $PAHT /\n" });
  const found = await docker(path);
  expect(found.code).toBe(1);
  expect(found.stdout).toMatch(
    /^Check complete, 1 warning has been found!\n\nWARNING: UndefinedVar - https:/,
  );
  expect(found.stdout).toContain(`'$PAHT' (did you mean $PATH?)\n${path}/Dockerfile:3\n`);
  const broken = await docker(context({ Dockerfile: "FROM busybox\nRUNN x" }));
  expect(broken.stderr).toMatch(/unknown instruction: RUNN \(did you mean RUN\?\)\n.*\/Dockerfile:2\n/);
  expect(broken.code).toBe(1);
  const failing = await post({ Dockerfile: "# check=error=true\nFROM busybox\nMAINTAINER me" });
  expect(failing.at(-1)?.error).toBe("lint violation found for rules: MaintainerDeprecated");
});

describe("a build", () => {
  test("tells its steps, tags the image, and takes everything from the cache the next time", async () => {
    const files = {
      Dockerfile: 'FROM busybox\nCOPY a /a\nRUN cat /a > /b\nENV c=d\nCMD ["cat", "/b"]\n',
      a: "hello\n",
    };
    const first = await post(files, { t: "steps:one" });
    expect(streamOf(first)).toMatch(
      /^Step 1\/5 : FROM busybox\n ---> [0-9a-f]{12}\nStep 2\/5 : COPY a \/a\n ---> [0-9a-f]{12}\nStep 3\/5 : RUN cat/,
    );
    expect(streamOf(first)).toMatch(/Successfully built [0-9a-f]{12}\nSuccessfully tagged steps:one\n$/);
    expect(await run("steps:one")).toBe("hello");
    const second = await post(files, { t: "steps:one" });
    expect(streamOf(second).match(/Using cache/g)).toHaveLength(2);
    const id = (messages: Message[]) => messages.find(({ aux }) => aux)?.aux?.ID;
    expect(id(second)).toBe(id(first) ?? "none");
    const changed = await post({ ...files, a: "other\n" }, { t: "steps:two" });
    expect(streamOf(changed)).not.toContain("Using cache");
    expect(await run("steps:two")).toBe("other");
    expect(streamOf(await post(files, { nocache: "1" }))).not.toContain("Using cache");
  });

  test("leaves out the stages that nobody needs, and builds the one that is asked for", async () => {
    const Dockerfile = [
      "FROM busybox AS unused",
      "RUN exit 9",
      "FROM busybox AS made",
      "RUN echo made > /f",
      "FROM scratch",
      "COPY --from=busybox /bin/busybox /bin/cat",
      "COPY --from=made /f /copied/",
      'CMD ["/bin/cat", "/copied/f"]',
    ].join("\n");
    await post({ Dockerfile }, { t: "stages" });
    expect(await run("stages")).toBe("made");
    expect(streamOf(await post({ Dockerfile }, { target: "made" }))).toContain("Step 2/2");
    const [failed] = (await post({ Dockerfile }, { target: "mad" })).filter(({ error }) => error);
    expect(failed?.error).toBe('target stage "mad" could not be found (did you mean made?)');
  });

  test("hands over arguments, labels and the platform", async () => {
    const Dockerfile =
      "ARG base=nothing\nFROM $base\nARG who=nobody\nARG TARGETARCH\nRUN echo $who $TARGETARCH $HTTP_PROXY > /f\n";
    const buildargs = JSON.stringify({ base: "busybox", who: "me", HTTP_PROXY: "http://p", odd: "x" });
    const messages = await post({ Dockerfile }, { t: "args", buildargs, labels: '{"l":"m"}' });
    expect(streamOf(messages)).toContain("[Warning] One or more build-args [odd] were not consumed");
    expect(await run("args", "cat", "/f")).toMatch(/^me (amd64|arm64) http:\/\/p$/);
    expect(await daemon.must("image", "inspect", "-f", "{{json .Config.Labels}}", "args")).toBe('{"l":"m"}');
    expect(await daemon.must("history", "--no-trunc", "args")).toContain("RUN |2 who=me TARGETARCH=");
    expect(await daemon.must("history", "--no-trunc", "args")).not.toContain("http://p");
  });

  const tools = ["gzip", "bzip2", "xz", "zstd"].filter((tool) => Bun.which(tool) !== null);
  test("ADD unpacks archives of all compressions, COPY none", async () => {
    const packed = context({ "in/x": "packed\n" });
    const steps = tools.flatMap((tool) => [`ADD a.${tool} /add/${tool}/`, `COPY a.${tool} /copy/`]);
    const directory = context({ Dockerfile: ["FROM busybox", ...steps].join("\n") });
    for (const tool of tools) {
      Bun.spawnSync(["tar", "-C", packed, `--${tool}`, "-cf", join(directory, `a.${tool}`), "in"]);
    }
    expect(streamOf(await post(directory, { t: "archives", q: "1" }))).toMatch(/^sha256:/);
    const found = await run("archives", "sh", "-c", "cat /add/*/in/x; ls /copy");
    expect(found.split("\n")).toEqual([
      ...tools.map(() => "packed"),
      ...tools.map((tool) => `a.${tool}`).toSorted(),
    ]);
  });

  test("COPY and ADD: patterns, owners, modes, archives, files of the Dockerfile", async () => {
    const path = context({ "in/x": "packed\n" });
    Bun.spawnSync(["tar", "-C", path, "-czf", join(path, "a.tgz"), "in"]);
    const archive = await Bun.file(join(path, "a.tgz")).bytes();
    const Dockerfile = [
      "FROM busybox",
      "COPY *.txt /text/",
      "COPY --chown=7:8 --chmod=600 d /e",
      "COPY --chown=daemon --exclude=*.md d /f/",
      "COPY --parents d/sub/deep /g/",
      "ADD a.tgz /h/",
      "ADD --unpack=false a.tgz /i/",
      "WORKDIR /j/k",
      "ENV a=b",
      "COPY <<one <<'two' ./",
      "$a isn't \\$a",
      "one",
      "$a",
      "two",
      "COPY --link in.txt /l/m",
    ].join("\n");
    const files = {
      Dockerfile,
      "in.txt": "t",
      "b.txt": "b",
      "c.bin": "c",
      "d/r.md": "r",
      "d/sub/deep": "deep",
    };
    const directory = context(files);
    await Bun.write(join(directory, "a.tgz"), archive);
    expect(streamOf(await post(directory, { t: "copies", q: "1" }))).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    const list = (where: string) =>
      run("copies", "sh", "-c", `cd ${where}; find . | sort | xargs stat -c '%n %a %u:%g'`);
    expect(await list("/text")).toBe(". 755 0:0\n./b.txt 644 0:0\n./in.txt 644 0:0");
    expect(await list("/e")).toBe(". 600 7:8\n./r.md 600 7:8\n./sub 600 7:8\n./sub/deep 600 7:8");
    expect(await list("/f")).toBe(". 755 1:1\n./sub 755 1:1\n./sub/deep 644 1:1");
    expect(await run("copies", "cat", "/g/d/sub/deep", "/h/in/x", "/l/m")).toBe("deeppacked\nt");
    expect(await run("copies", "sh", "-c", "ls /i; pwd; cat one two")).toBe("a.tgz\n/j/k\nb isn't $a\n$a");
  });

  test("mounts: caches stay, secrets and tmpfs do not, binds are of a stage", async () => {
    const Dockerfile = [
      "FROM busybox AS s",
      "RUN echo from-stage > /f",
      "FROM busybox",
      "ARG n",
      "RUN --mount=type=cache,target=/cache echo $n >> /cache/list; cat /cache/list > /seen",
      "RUN --mount=from=s,target=/s --mount=type=tmpfs,target=/t cat /s/f > /bound; echo x > /t/x; echo y > /s/y || echo refused >> /bound",
      "RUN --mount=target=/ctx,rw touch /ctx/new && cat /ctx/file >> /bound",
      "WORKDIR /work",
      "RUN --mount=from=s cat f >> /bound",
    ].join("\n");
    const build = (n: string) =>
      post({ Dockerfile, file: "context\n" }, { t: "mounts", buildargs: JSON.stringify({ n }) });
    await build("1");
    await build("2");
    expect(await run("mounts", "cat", "/seen")).toBe("1\n2");
    expect(await run("mounts", "cat", "/bound")).toBe("from-stage\nrefused\ncontext\nfrom-stage");
    expect(await run("mounts", "sh", "-c", "ls -d /cache /s /t /ctx 2>&1 | grep -c 'No such'")).toBe("4");
  });

  test("ONBUILD runs in the next build, and not in that after it", async () => {
    await post(
      { Dockerfile: "FROM busybox\nONBUILD RUN echo triggered > /t\nONBUILD COPY f /f" },
      { t: "parent" },
    );
    await post({ Dockerfile: "FROM parent", f: "file" }, { t: "child" });
    expect(await run("child", "cat", "/t", "/f")).toBe("triggered\nfile");
    expect(await daemon.must("image", "inspect", "-f", "{{.Config.OnBuild}}", "child")).toBe("[]");
  });
});

describe.each(clients)("%s", (_name, program) => {
  const docker = (input: string, ...args: string[]) =>
    execute([program, ...args], { env: { ...daemon.env, DOCKER_BUILDKIT: "0" }, input });

  test("sends a folder without what is ignored, and prints the id where it is asked to", async () => {
    const Dockerfile = "FROM busybox\nCOPY . /x\n";
    const files = {
      Dockerfile,
      ".dockerignore": "*.md\n!keep.md\nd",
      "a.md": "",
      "keep.md": "",
      "d/e": "",
      f: "",
    };
    const path = context(files);
    const iidfile = join(path, "../iid");
    const { stdout, code } = await docker("", "build", "-q", "--iidfile", iidfile, "-t", "sent", path);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect((await Bun.file(iidfile).text()).trim()).toBe(stdout.trim());
    expect(await run("sent", "ls", "-A", "/x")).toBe(".dockerignore\nDockerfile\nf\nkeep.md");
  });

  test("takes the Dockerfile, or all, from standard input", async () => {
    const path = context({ "in/f": "content" });
    const file = "FROM busybox\nCOPY . /x\n";
    expect((await docker(file, "build", "-t", "input", "-f", "-", join(path, "in"))).code).toBe(0);
    expect(await run("input", "ls", "-A", "/x")).toBe("f");
    expect((await docker("FROM busybox\nRUN true", "build", "-t", "alone", "-")).code).toBe(0);
  });

  test("says what is wrong, and fails", async () => {
    const failed = await docker("", "build", context({ Dockerfile: "FROM busybox\nRUN exit 4" }));
    expect(failed.stderr).toContain("The command '/bin/sh -c exit 4' returned a non-zero code: 4");
    expect(failed.code).toBe(4);
    const quiet = await docker(
      "",
      "build",
      "-q",
      context({ Dockerfile: "FROM busybox\nRUN echo why; exit 5" }),
    );
    expect(quiet.stderr).toContain("\nwhy\n");
    expect(quiet.stderr).toContain("The command '/bin/sh -c echo why; exit 5' returned a non-zero code: 5");
    expect(quiet.code).toBe(5);
    expect(quiet.stdout).toBe("");
    expect((await docker("", "build", "/nowhere")).stderr).toContain(
      'unable to prepare context: path "/nowhere" not found',
    );
  });
});

describe("what is wrong is told", () => {
  const failing: [string, Record<string, string>, string][] = [
    [
      "a failing command",
      { Dockerfile: "FROM busybox\nRUN exit 3" },
      "The command '/bin/sh -c exit 3' returned a non-zero code: 3",
    ],
    [
      "a file that is not there",
      { Dockerfile: "FROM busybox\nCOPY no /x" },
      'failed to compute cache key: "/no": not found',
    ],
    [
      "a mistake",
      { Dockerfile: "FROM busybox\nCOPPY a b" },
      "dockerfile parse error on line 2: unknown instruction: COPPY (did you mean COPY?)",
    ],
    [
      "a bad substitution",
      { Dockerfile: "FROM busybox\nWORKDIR ${a" },
      "failed to process \"$\u007ba\": syntax error: missing '}'",
    ],
    [
      "a mount over everything",
      { Dockerfile: "FROM busybox\nRUN --mount=type=cache true" },
      'invalid mount target "/"',
    ],
    [
      "a user who is not there",
      { Dockerfile: "FROM busybox\nUSER nemo\nRUN true" },
      "unable to find user nemo: no matching entries in passwd file",
    ],
    [
      "a path that climbs",
      { Dockerfile: "FROM busybox\nCOPY ../../../../etc/passwd /x" },
      'failed to compute cache key: "/etc/passwd": not found',
    ],
  ];
  test.each(failing)("%s", async (_what, files, message) => {
    expect((await post(files)).at(-1)?.error).toBe(message);
  });

  test("the excerpt shows the line", async () => {
    expect(streamOf(await post({ Dockerfile: "FROM busybox\nRUNN x" }))).toContain("   2 | >>> RUNN x\n");
  });

  test("a context without a Dockerfile", async () => {
    const response = await post({ other: "x" });
    expect(response).toEqual([{ message: "Cannot locate specified Dockerfile: Dockerfile" } as Message]);
  });
});

test("a client that goes away ends the step, and nothing is left", async () => {
  const path = context({ Dockerfile: "FROM busybox\nRUN echo begun; sleep 1000" });
  const client = Bun.spawn([daemon.client, "build", path], {
    env: { ...process.env, ...daemon.env, DOCKER_BUILDKIT: "0" },
    stdout: "pipe",
    stderr: "ignore",
  });
  for await (const chunk of client.stdout) if (Buffer.from(chunk).includes("begun\n")) break;
  client.kill("SIGINT");
  await client.exited;
  const left = () =>
    readdirSync(join(daemon.dataRoot, "containers")).length +
    readdirSync(join(daemon.dataRoot, "tmp")).length;
  for (let tries = 0; left() > 0 && tries < 100; tries++) await Bun.sleep(100);
  expect(left()).toBe(0);
  expect(await daemon.must("ps", "-aq")).toBe("");
});

test("steps are not seen by others, and the cache can be pruned", async () => {
  const Dockerfile = "FROM busybox\nRUN head -c 100000 /dev/urandom > /random";
  const messages = await post({ Dockerfile }, { t: "pruned" });
  expect(streamOf(messages)).toContain("Successfully built");
  expect(await daemon.must("ps", "-aq")).toBe("");
  await daemon.must("rmi", "pruned");
  const response = await fetch("http://localhost/v1.45/build/prune?all=1", {
    unix: daemon.socket,
    method: "POST",
  });
  const { CachesDeleted, SpaceReclaimed } = (await response.json()) as {
    CachesDeleted: string[];
    SpaceReclaimed: number;
  };
  expect(CachesDeleted.length).toBeGreaterThan(0);
  expect(SpaceReclaimed).toBeGreaterThan(100_000);
  expect(streamOf(await post({ Dockerfile }))).not.toContain("Using cache");
});
