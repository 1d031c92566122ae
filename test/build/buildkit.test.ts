import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { dist, run as execute, type Finished, until } from "../harness/process.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  await daemon.must("pull", "-q", "busybox");
  folder = mkdtempSync(join(tmpdir(), "longshore-buildkit-"));
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

/** A line of `--progress rawjson`. */
interface RawStatus {
  vertexes?: { digest: string; name: string; cached?: boolean }[];
  statuses?: { vertex: string; current?: number }[];
}

/** Clients that speak BuildKit's protocol without a plugin: Docker's own do so before version 23. */
const speakers: [name: string, program: string][] = [["our client", join(dist, "docker")]];
for (const program of ["/usr/bin/docker"]) {
  if (!existsSync(program)) continue;
  const [, major] = /version (\d+)\./.exec(Bun.spawnSync([program, "--version"]).stdout.toString()) ?? [];
  if (Number(major) < 23) speakers.push(["Docker's client", program]);
}

describe.each(speakers)("%s", (speaker, program) => {
  const build = (args: string[], input?: string | Uint8Array): Promise<Finished> =>
    execute([program, "build", "--progress", "plain", ...args], {
      env: { ...daemon.env, DOCKER_BUILDKIT: "1" },
      ...(input === undefined ? {} : { input }),
    });
  const must = async (...args: string[]) => {
    const { stderr, code } = await build(args);
    if (code !== 0) throw new Error(stderr);
    return stderr;
  };
  const inImage = (image: string, ...command: string[]) =>
    daemon.must("run", "--rm", "--network", "none", image, ...command);

  test("builds, and takes from the cache what has not changed", async () => {
    const files = {
      Dockerfile: "FROM busybox\nARG who=nobody\nCOPY a /a\nRUN echo $who >> /a; echo said\n",
      a: `hello ${speaker}\n`,
      unused: "x".repeat(1_000_000),
    };
    const path = context(files);
    const iid = join(folder, "iid");
    const first = await must("-t", "cached", "--build-arg", "who=me", "--iidfile", iid, path);
    expect(first).toContain("RUN echo me >> /a; echo said");
    expect(first).toMatch(/#\d+ [0-9.]+ said\n/);
    expect(first).toMatch(/transferring context: \d{2}B/);
    expect(await inImage("cached", "cat", "/a")).toBe(`hello ${speaker}\nme`);
    expect(await daemon.must("images", "-q", "--no-trunc", "cached")).toBe(readFileSync(iid, "utf8").trim());
    expect((await must("-t", "cached", "--build-arg", "who=me", path)).match(/CACHED/g)).toHaveLength(2);
    writeFileSync(join(path, "a"), `other ${speaker}\n`);
    expect(await must("-t", "cached", "--build-arg", "who=me", path)).not.toContain("CACHED");
    expect(await inImage("cached", "cat", "/a")).toBe(`other ${speaker}\nme`);
    expect(await must("--no-cache", path)).not.toContain("CACHED");
  });

  test("an image that says what it knows of its steps, by BUILDKIT_INLINE_CACHE", async () => {
    const path = context({ Dockerfile: `FROM busybox\nRUN echo "${speaker}" > /f; date >> /f\n` });
    await must("--build-arg", "BUILDKIT_INLINE_CACHE=1", "-t", "knows", path);
    await daemon.must("builder", "prune", "-af");
    const said = await must("--cache-from", "knows", "-t", "again", path);
    expect(said).toContain("importing cache manifest from knows");
    expect(said.match(/CACHED/g)).toHaveLength(1);
    expect(await inImage("again", "cat", "/f")).toBe(await inImage("knows", "cat", "/f"));
  });

  test("a file that changes back and forth, a folder that becomes a file, a file that goes", async () => {
    const path = context({
      Dockerfile: "FROM busybox\nCOPY d /d\nRUN find /d | sort\n",
      "d/a": "1",
      "d/b/c": "2",
    });
    const seen = async () => {
      const said = await must("--no-cache", "-t", "changes", path);
      expect(said).not.toContain("ERROR");
      return inImage(
        "changes",
        "sh",
        "-c",
        "cd /d; for f in $(find . -type f | sort); do echo $f $(cat $f); done",
      );
    };
    expect(await seen()).toBe("./a 1\n./b/c 2");
    rmSync(join(path, "d/b"), { recursive: true });
    writeFileSync(join(path, "d/b"), "3");
    expect(await seen()).toBe("./a 1\n./b 3");
    rmSync(join(path, "d/a"));
    expect(await seen()).toBe("./b 3");
  });

  test(".dockerignore, and the one of the Dockerfile alone", async () => {
    const path = context({
      Dockerfile: "FROM busybox\nCOPY . /c\n",
      "other.Dockerfile": "FROM busybox\nCOPY . /c\n",
      ".dockerignore": "*.log\n!keep.log\n",
      "other.Dockerfile.dockerignore": "a\n",
      a: "",
      "b.log": "",
      "keep.log": "",
      "über.txt": "",
    });
    await must("-t", "ignored", path);
    expect((await inImage("ignored", "find", "/c", "-type", "f")).split("\n").sort()).toEqual([
      "/c/.dockerignore",
      "/c/Dockerfile",
      "/c/a",
      "/c/keep.log",
      "/c/other.Dockerfile",
      "/c/other.Dockerfile.dockerignore",
      "/c/über.txt",
    ]);
    await must("-t", "ignored", "-f", join(path, "other.Dockerfile"), path);
    expect(await inImage("ignored", "ls", "/c")).not.toMatch(/^a$/m);
    expect(await inImage("ignored", "ls", "/c")).toContain("b.log");
  });

  test("triggers of a base image take what they like of the context", async () => {
    const base = context({ Dockerfile: "FROM busybox\nONBUILD COPY . /all\n" });
    await must("-t", "triggers", base);
    const path = context({ Dockerfile: "FROM triggers\nCOPY one /one\n", one: "1", two: "2" });
    await must("-t", "triggered", path);
    expect(await inImage("triggered", "cat", "/one", "/all/two")).toBe("12");
  });

  test("a secret and its bytes are in no layer, no history and no output", async () => {
    const secret = `s3cr3t-${crypto.randomUUID()}`;
    const file = join(folder, "secret");
    writeFileSync(file, secret);
    const path = context({
      Dockerfile:
        "FROM busybox\nRUN --mount=type=secret,id=s wc -c < /run/secrets/s > /length\nRUN --mount=type=secret,id=no,required true\n",
    });
    const { stderr, code } = await build(["--secret", `id=s,src=${file}`, path]);
    expect(code).toBe(1);
    expect(stderr).toContain("secret no: not found");
    const Dockerfile = "FROM busybox\nRUN --mount=type=secret,id=s wc -c < /run/secrets/s > /length\n";
    const said = await must("-t", "secret", "--secret", `id=s,src=${file}`, context({ Dockerfile }));
    expect(await inImage("secret", "cat", "/length")).toBe(String(secret.length));
    expect(await inImage("secret", "ls", "/run")).toBe("");
    expect(said + stderr).not.toContain(secret);
    const found = await execute(["grep", "-rlF", secret, daemon.dataRoot, daemon.execRoot]);
    expect(found.stdout).toBe("");
  });

  test("the client's agent answers in a step", async () => {
    const agent = Bun.listen({
      unix: join(folder, "agent"),
      socket: { data: (socket, data) => void socket.write(Buffer.concat([Buffer.from("heard "), data])) },
    });
    try {
      const path = context({
        Dockerfile: `FROM busybox\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo is a socket\n`,
      });
      const said = await execute(
        [program, "build", "--progress", "plain", "--ssh", "default", "--no-cache", path],
        {
          env: { ...daemon.env, DOCKER_BUILDKIT: "1", SSH_AUTH_SOCK: join(folder, "agent") },
        },
      );
      expect(said.stderr).toMatch(/#\d+ [0-9.]+ is a socket/);
      expect(said.code).toBe(0);
    } finally {
      agent.stop(true);
    }
  });

  test.skipIf(!existsSync("/usr/bin/ssh-agent"))(
    "keys of the client are lent to a step, by a socket that belongs to who is named",
    async () => {
      const key = join(folder, "key");
      await execute(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]);
      const Dockerfile = `FROM busybox
RUN --mount=type=ssh stat -c '%u %g %a %F' $SSH_AUTH_SOCK > /usual
RUN --mount=type=ssh,id=mine,target=/s,uid=7,gid=8,mode=0660 stat -c '%u %g %a %F' /s > /said && echo $SSH_AUTH_SOCK >> /said
`;
      await must(
        "-t",
        "keys",
        "--no-cache",
        "--ssh",
        `default=${key}`,
        "--ssh",
        `mine=${key}`,
        context({ Dockerfile }),
      );
      expect(await inImage("keys", "cat", "/usual", "/said")).toBe("0 0 600 socket\n7 8 660 socket\n/s");
      const { stderr } = await build(["--ssh", `default=${join(folder, "none")}`, context({ Dockerfile })]);
      expect(stderr).toContain("no such file or directory");
      writeFileSync(join(folder, "no-key"), "no key");
      const wrong = await build(["--ssh", `default=${join(folder, "no-key")}`, context({ Dockerfile })]);
      expect(wrong.stderr).toContain(`failed to parse ${join(folder, "no-key")}: `);
    },
  );

  test("files as output: into a folder, and as an archive", async () => {
    const Dockerfile =
      "FROM busybox AS made\nRUN mkdir -p /out/d; echo x > /out/d/f; chmod 4711 /out/d/f; ln -s d/f /out/l\nFROM scratch\nCOPY --from=made /out /\n";
    const path = context({ Dockerfile });
    const out = join(folder, `out-${number}`);
    await must("--output", `type=local,dest=${out}`, path);
    expect(readdirSync(out, { recursive: true }).sort()).toEqual(["d", "d/f", "l"]);
    const { stdout } = await execute(["stat", "-c", "%n %a %F", "d/f", "l"], { cwd: out });
    expect(stdout).toBe("d/f 4711 regular file\nl 777 symbolic link\n");
    const tar = join(folder, "out.tar");
    await must("--output", `type=tar,dest=${tar}`, path);
    expect((await execute(["tar", "-tf", tar])).stdout).toBe("d/\nd/f\nl\n");
  });

  test("the Dockerfile, or all of the context, from standard input", async () => {
    const alone = await build(["-t", "stdin", "-"], "FROM busybox\nRUN echo 1 > /f\n");
    expect(alone.code).toBe(0);
    expect(await inImage("stdin", "cat", "/f")).toBe("1");
    const path = context({ a: "2" });
    const beside = await build(["-t", "stdin", "-f", "-", path], "FROM busybox\nCOPY a /f\n");
    expect(beside.code).toBe(0);
    expect(await inImage("stdin", "cat", "/f")).toBe("2");
    const whole = context({ Dockerfile: "FROM busybox\nCOPY a /f\n", a: "3" });
    const tar = Bun.spawnSync(["tar", "-C", whole, "-c", "."]).stdout;
    const packed = await build(["-t", "stdin", "-"], tar);
    expect(packed.stderr).toContain("writing image");
    expect(packed.code).toBe(0);
    expect(await inImage("stdin", "cat", "/f")).toBe("3");
  });

  const failing: [what: string, files: Record<string, string>, message: string][] = [
    [
      "a failing command",
      { Dockerfile: "FROM busybox\nRUN echo bad; exit 3" },
      'process "/bin/sh -c echo bad; exit 3" did not complete successfully: exit code: 3',
    ],
    [
      "a mistake",
      { Dockerfile: "FROM busybox\nCOPPY a b" },
      "dockerfile parse error on line 2: unknown instruction: COPPY (did you mean COPY?)",
    ],
    ["a file that is not there", { Dockerfile: "FROM busybox\nCOPY no /x" }, '"/no": not found'],
    ["no Dockerfile", { other: "" }, "failed to read dockerfile: open Dockerfile: no such file or directory"],
  ];
  test.each(failing)("fails: %s", async (_what, files, message) => {
    const { stderr, code } = await build([context(files)]);
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });

  test("a client that goes away ends the step, and nothing is left", async () => {
    const client = Bun.spawn(
      [
        program,
        "build",
        "--progress",
        "plain",
        context({ Dockerfile: "FROM busybox\nRUN echo begun; sleep 1000" }),
      ],
      { env: { ...process.env, ...daemon.env, DOCKER_BUILDKIT: "1" }, stdout: "ignore", stderr: "pipe" },
    );
    let said = "";
    for await (const chunk of client.stderr) {
      said += Buffer.from(chunk).toString();
      if (said.includes(" begun\n")) break;
    }
    client.kill("SIGINT");
    await client.exited;
    await until("the step to be gone", () => readdirSync(join(daemon.dataRoot, "containers")).length === 0);
    expect(await daemon.must("ps", "-aq")).toBe("");
  });
});

describe("our client's own", () => {
  const build = (...args: string[]) => execute([daemon.client, "build", ...args], { env: daemon.env });

  test("images of several platforms, annotations, metadata, archives", async () => {
    const path = context({
      Dockerfile: "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY f /f\n",
      f: "1",
    });
    const about = join(folder, "metadata.json");
    const platforms = ["--platform", "linux/amd64,linux/arm64"];
    const note = ["--annotation", "index,manifest:org.example.note=said"];
    const { stderr, code } = await build(
      "-t",
      "multi",
      ...platforms,
      ...note,
      "--metadata-file",
      about,
      path,
    );
    expect(stderr).toContain("[linux/arm64 ");
    expect(code).toBe(0);
    const metadata = JSON.parse(readFileSync(about, "utf8"));
    const id = await daemon.must("images", "-q", "--no-trunc", "multi");
    expect(metadata["containerimage.digest"]).toBe(id);
    expect(metadata["containerimage.descriptor"].mediaType).toBe("application/vnd.oci.image.index.v1+json");
    const archive = join(folder, "oci.tar");
    const sent = await build("-o", `type=oci,dest=${archive},name=out:side`, ...platforms, ...note, path);
    expect(sent.code).toBe(0);
    const read = async (name: string) => JSON.parse((await execute(["tar", "-xOf", archive, name])).stdout);
    const [root] = (await read("index.json")).manifests;
    const index = await read(`blobs/${root.digest.replace(":", "/")}`);
    expect(index.annotations).toEqual({ "org.example.note": "said" });
    expect(
      index.manifests.map((one: { platform: { architecture: string } }) => one.platform.architecture),
    ).toEqual(["amd64", "arm64"]);
    expect(await daemon.must("images", "-q", "out")).toBe("");
  });

  test("SOURCE_DATE_EPOCH: two builds give one digest, on several platforms too", async () => {
    const epoch = 1_600_000_000;
    const path = context({
      Dockerfile:
        "FROM --platform=$BUILDPLATFORM busybox AS made\nWORKDIR /w\nRUN date +%s%N > /dev/null; echo 1 > f; ln f g; ln -s f h; rm /bin/ash\n" +
        'FROM scratch\nCOPY --from=made /w /w\nCOPY f /old/f\nCMD ["x"]\n',
      f: "1",
    });
    utimesSync(join(path, "f"), epoch - 1000, epoch - 1000);
    const about = join(folder, "metadata.json");
    const digest = async (extra: string[], env: Record<string, string> = {}) => {
      const args = ["--no-cache", "--metadata-file", about, ...extra, path];
      const { stderr, code } = await execute([daemon.client, "build", ...args], {
        env: { ...daemon.env, ...env },
      });
      if (code !== 0) throw new Error(stderr);
      return JSON.parse(readFileSync(about, "utf8"))["containerimage.digest"] as string;
    };
    const arg = ["--build-arg", `SOURCE_DATE_EPOCH=${epoch}`];
    const rewritten = ["-o", "type=image,name=dated,rewrite-timestamp=true"];
    // What is written is written at other times: whole seconds are what a layer has.
    const twice = async (make: () => Promise<string>) => {
      const first = await make();
      await Bun.sleep(1100);
      expect(await make()).toBe(first);
      return first;
    };
    const made = ["--target", "made", ...rewritten];
    const one = await twice(() => digest([...arg, ...made]));
    expect(await digest(made, { SOURCE_DATE_EPOCH: String(epoch) })).toBe(one);
    expect(await digest(made)).not.toBe(one);
    await digest([...arg, ...made]);
    const seen = await daemon.must("run", "--rm", "dated", "stat", "-c", "%n %Y %h", "f", "g", "h", "/w");
    expect(seen.split("\n")).toEqual([`f ${epoch} 2`, `g ${epoch} 2`, `h ${epoch} 1`, `/w ${epoch} 1`]);
    expect(await daemon.must("run", "--rm", "dated", "sh", "-c", "ls /bin/ash || echo gone")).toBe("gone");
    const created = await daemon.must("image", "inspect", "-f", "{{.Created}}", "dated");
    expect(created).toBe("2020-09-13T12:26:40Z");
    const history = await daemon.must(
      "history",
      "--no-trunc",
      "--format",
      "{{.CreatedAt}} {{.Comment}}",
      "dated",
    );
    const own = history.split("\n").filter((line) => line.endsWith("buildkit.dockerfile.v0"));
    expect(new Set(own.map((line) => Date.parse(line.split(" ")[0] ?? "")))).toEqual(new Set([epoch * 1000]));
    // The layers of a base image stay what they are.
    const layers = async (name: string): Promise<string[]> =>
      JSON.parse(await daemon.must("image", "inspect", "-f", "{{json .RootFS.Layers}}", name));
    const base = await layers("busybox");
    expect((await layers("dated")).slice(0, base.length)).toEqual(base);
    await twice(() => digest([...arg, ...rewritten, "--platform", "linux/amd64,linux/arm64"]));
  });

  test("a wrong SOURCE_DATE_EPOCH, a wrong rewrite-timestamp", async () => {
    const path = context({ Dockerfile: "FROM scratch\nCOPY f /\n", f: "1" });
    for (const text of ["soon", "-1", "99999999999999999"]) {
      const { stderr, code } = await build("--build-arg", `SOURCE_DATE_EPOCH=${text}`, path);
      expect(stderr).toContain(`invalid SOURCE_DATE_EPOCH: ${text}`);
      expect(code).toBe(1);
    }
    const { stderr, code } = await build("-o", "type=image,rewrite-timestamp=maybe", path);
    expect(stderr).toContain("non-bool value specified for rewrite-timestamp");
    expect(code).toBe(1);
  });

  test("pushes what it builds, and writes an archive that can be loaded", async () => {
    const path = context({ Dockerfile: "FROM scratch\nCOPY f /f\n", f: "pushed" });
    const name = `${daemon.registry.address}/built`;
    expect(await build("--push", "-t", `${name}:push`, path)).toMatchObject({ code: 0 });
    expect(await build("-o", `type=registry,name=${name}:output`, path)).toMatchObject({ code: 0 });
    await daemon.must("pull", "-q", `${name}:push`);
    await daemon.must("pull", "-q", `${name}:output`);
    const archive = join(folder, "docker.tar");
    expect(await build("-o", `type=docker,dest=${archive},name=archived:1`, path)).toMatchObject({ code: 0 });
    expect(await daemon.must("images", "-q", "archived")).toBe("");
    expect(await daemon.must("load", "-q", "-i", archive)).toBe("Loaded image: archived:1");
    const nowhere = await build("--push", "-t", "localhost:1/no", path);
    expect(nowhere.stderr).toContain("dial tcp 127.0.0.1:1: connect: connection refused");
    expect(nowhere.code).toBe(1);
  });

  test("what has not changed is not sent again; what hides its change is", async () => {
    const size = 3_000_000;
    const path = context({ Dockerfile: "FROM scratch\nCOPY . /\n", big: "a".repeat(size), other: "o" });
    const big = join(path, "big");
    const { atime, mtime } = statSync(big);
    // A file that changed just now is not trusted.
    await Bun.sleep(2100);
    const sent = async () => {
      const { stderr, code } = await build("-t", "stamped", "--progress", "rawjson", path);
      expect({ stderr, code }).toMatchObject({ code: 0 });
      const vertexes = new Map<string, string>();
      let bytes = 0;
      let cached = false;
      for (const line of stderr.trim().split("\n")) {
        const status = JSON.parse(line) as RawStatus;
        for (const vertex of status.vertexes ?? []) {
          vertexes.set(vertex.digest, vertex.name);
          if (vertex.name.includes("COPY")) cached = vertex.cached ?? false;
        }
        for (const { vertex, current = 0 } of status.statuses ?? []) {
          if (vertexes.get(vertex)?.includes("load build context")) bytes = current;
        }
      }
      return { bytes, cached };
    };
    const first = await sent();
    expect(first.bytes).toBeGreaterThan(size);
    expect(first.cached).toBe(false);
    const second = await sent();
    expect(second.bytes).toBeLessThan(1000);
    expect(second.cached).toBe(true);
    writeFileSync(big, "b".repeat(size));
    utimesSync(big, atime, mtime);
    const third = await sent();
    expect(third.bytes).toBeGreaterThan(size);
    expect(third.cached).toBe(false);
    const archive = join(folder, "stamped.tar");
    expect(await build("-o", `type=tar,dest=${archive}`, path)).toMatchObject({ code: 0 });
    expect(readFileSync(archive).includes("a".repeat(1000))).toBe(false);
    expect(readFileSync(archive).includes("b".repeat(1000))).toBe(true);
  });

  test("named contexts of a folder and an image; one stage without the cache; progress as JSON", async () => {
    const other = context({ g: "named", h: "not asked for" });
    const path = context({
      Dockerfile: "FROM base AS one\nRUN echo one\nFROM one\nCOPY --from=other g /g\nRUN cat /g\n",
    });
    const contexts = ["--build-context", `other=${other}`, "--build-context", "base=docker-image://busybox"];
    expect((await build("-t", "named", ...contexts, path)).code).toBe(0);
    expect(await daemon.must("run", "--rm", "--network", "none", "named", "cat", "/g")).toBe("named");
    const again = await build("--progress", "rawjson", "--no-cache-filter", "one", ...contexts, path);
    const vertexes = again.stderr
      .trim()
      .split("\n")
      .flatMap(
        (line) => (JSON.parse(line) as { vertexes?: { name: string; cached?: boolean }[] }).vertexes ?? [],
      );
    const cached = (part: string) =>
      vertexes.filter(({ name }) => name.includes(part)).at(-1)?.cached ?? false;
    expect(cached("RUN echo one")).toBe(false);
    expect(cached("COPY --from=other")).toBe(true);
  });

  test.each([
    ["--output", "type=nothing", 'exporter "nothing" could not be found'],
    ["--secret", "src=x", 'invalid secret "src=x": id is required'],
    [
      "--secret",
      "id=x,src=/not/there",
      "failed to stat /not/there: stat /not/there: no such file or directory",
    ],
    ["--ssh", "default=/not/there", "failed to open /not/there: no such file or directory"],
    ["--progress", "loud", "invalid progress mode loud"],
    ["--build-context", "name", "invalid context value: name, expected key=value"],
    ["--platform", "linux/nothing/is/this", "linux/nothing/is/this"],
  ])("%s %s: a clear error", async (flag, value, message) => {
    const { stderr, code } = await build(
      flag,
      value,
      context({ Dockerfile: "FROM scratch\nCOPY Dockerfile /\n" }),
    );
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });
});
