/** `--build-context` and `--annotation`: where files are from besides the context, and what is said of an image. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  folder = mkdtempSync(join(tmpdir(), "longshore-contexts-"));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

let number = 0;
function context(files: Record<string, string>): string {
  const path = join(folder, String(number++));
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

/** What the file `said` of the result has in it. */
async function result(...args: string[]): Promise<string> {
  const to = join(folder, `out-${number++}`);
  await daemon.must("build", "-q", "--output", to, ...args);
  return readFileSync(join(to, "said"), "utf8");
}

test("a folder stands for a base image, under each name of the image", async () => {
  const other = context({ said: "in the folder\n", left: "out\n", ".dockerignore": "left\n" });
  for (const name of ["example.com/base:latest", "example.com/base"]) {
    const path = context({ Dockerfile: `FROM ${name}\nCOPY more /\n`, more: "more\n" });
    const args = ["--build-context", `example.com/base=${other}`];
    expect(await result(...args, path)).toBe("in the folder\n");
  }
  const copy = context({ Dockerfile: "FROM scratch\nCOPY --from=x said /\n" });
  expect(await result("--build-context", `x=${other}`, copy)).toBe("in the folder\n");
  const mount = context({
    Dockerfile:
      "FROM busybox AS b\nRUN --mount=from=x,target=/x ls /x > /said\nFROM scratch\nCOPY --from=b /said /\n",
  });
  expect(await result("--build-context", `x=${other}`, mount)).toBe("said\n");
});

test("an image stands for another one, and an archive at an address for files", async () => {
  await daemon.must(
    "build",
    "-q",
    "-t",
    "stand-in",
    context({ Dockerfile: "FROM scratch\nCOPY said /\n", said: "image\n" }),
  );
  const from = context({ Dockerfile: "FROM alpine:3.99\n" });
  expect(await result("--build-context", "alpine:3.99=docker-image://stand-in", from)).toBe("image\n");
  const archive = await run([
    "tar",
    "cf",
    join(folder, "a.tar"),
    "-C",
    context({ said: "archive\n" }),
    "said",
  ]);
  expect(archive.code).toBe(0);
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response(Bun.file(join(folder, "a.tar"))),
  });
  const copy = context({ Dockerfile: "FROM scratch\nCOPY --from=web said /\n" });
  expect(await result("--build-context", `web=http://127.0.0.1:${server.port}/a.tar`, copy)).toBe(
    "archive\n",
  );
});

test("an image goes out as an OCI layout, and stands for a base image again", async () => {
  const layout = join(folder, "layout");
  const made = context({ Dockerfile: "FROM busybox\nCOPY said /said\nENV FROM=layout\n", said: "layout\n" });
  const output = `type=oci,tar=false,dest=${layout}`;
  await daemon.must(
    "build",
    "-q",
    "-t",
    "example.com/made:v2",
    "--provenance=false",
    "--output",
    output,
    made,
  );
  const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
    manifests: Described[];
  };
  const [{ digest = "", annotations } = {}] = manifests;
  expect(annotations).toEqual({
    "org.opencontainers.image.ref.name": "v2",
    "io.containerd.image.name": "example.com/made:v2",
  });
  const path = context({
    Dockerfile: "FROM base AS b\nRUN echo $FROM >> /said\nFROM scratch\nCOPY --from=b /said /\n",
  });
  for (const name of [":v2", "", `@${digest}`, `:other@${digest}`]) {
    const args = ["--build-context", `base=oci-layout://${layout}${name}`];
    expect(await result(...args, path)).toBe("layout\nlayout\n");
  }
  const copy = context({ Dockerfile: "FROM scratch\nCOPY --from=base said /\n" });
  expect(await result("--build-context", `base=oci-layout://${layout}`, copy)).toBe("layout\n");
  const images = await daemon.must("images", "-a", "--format", "{{.Repository}}");
  expect(images).not.toContain("made");
});

test("a layout of several platforms gives the one that is asked for; what is damaged is refused", async () => {
  const layout = join(folder, "platforms-layout");
  const made = context({
    Dockerfile: "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /said\n",
    amd64: "amd",
    arm64: "arm",
  });
  const platforms = ["--platform", "linux/amd64,linux/arm64"];
  await daemon.must("build", "-q", ...platforms, "--output", `type=oci,tar=false,dest=${layout}`, made);
  const from = ["--build-context", `base=oci-layout://${layout}`, context({ Dockerfile: "FROM base\n" })];
  expect(await result("--platform", "linux/arm64", ...from)).toBe("arm");
  expect(await result("--platform", "linux/amd64", ...from)).toBe("amd");
  const { stderr } = await daemon.docker("build", "--platform", "linux/s390x", ...from);
  expect(stderr).toContain("no matching manifest for linux/s390x in the manifest list entries");
  const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
    manifests: Described[];
  };
  const index = join(layout, "blobs", (manifests[0]?.digest ?? "").replace(":", "/"));
  writeFileSync(index, readFileSync(index, "utf8").replace("arm64", "arm65"));
  expect((await daemon.docker("build", ...from)).stderr).toContain("blob does not have its digest");
  for (const [text, message] of [
    ["/none", "open /none/index.json: no such file or directory"],
    [`${layout}@sha256:${"0".repeat(64)}`, `content digest sha256:${"0".repeat(64)}: not found`],
  ] as const) {
    const failed = await daemon.docker(
      "build",
      "--build-context",
      `base=oci-layout://${text}`,
      from[2] ?? "",
    );
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining(message)]);
  }
});

test("further names of a file travel as links, out and in", async () => {
  const path = context({
    Dockerfile:
      "FROM busybox AS b\nRUN mkdir /d && echo one > /d/a && ln /d/a /d/b && ln /d/a /c\nFROM scratch\nCOPY --from=b /d /d\n",
  });
  const to = join(folder, "linked");
  await daemon.must("build", "-q", "--output", to, path);
  const [a, b] = [statSync(join(to, "d/a")), statSync(join(to, "d/b"))];
  expect([b.ino, b.nlink]).toEqual([a.ino, 2]);
  writeFileSync(join(to, "Dockerfile"), "FROM busybox\nCOPY d /d\nRUN cat /d/a /d/b > /said\n");
  expect(await result(to)).toBe("one\none\n");
  writeFileSync(join(to, "d/a"), "two\n");
  expect(await result(to)).toBe("two\ntwo\n");
  rmSync(join(to, "d/b"));
  writeFileSync(join(to, "d/b"), "own\n");
  expect(await result(to)).toBe("two\nown\n");
  rmSync(join(to, "d/b"));
  linkSync(join(to, "d/a"), join(to, "d/b"));
  expect(await result(to)).toBe("two\ntwo\n");
});

test("an octal --chmod is that of folders on the way, too; a pattern of folders meets files", async () => {
  const path = context({ top: "x\n" });
  mkdirSync(join(path, "d/e"), { recursive: true });
  writeFileSync(join(path, "d/e/c"), "c\n");
  writeFileSync(join(path, "d/file"), "no folder\n");
  const lines = [
    "COPY --chmod=0711 top /a/b/c",
    "COPY --chmod=go-rwx top /s/t",
    "COPY --chmod=2777 d/**/c /w/",
    "RUN stat -c '%n %a' /a /a/b /a/b/c /s /s/t /w /w/c > /said",
  ];
  writeFileSync(join(path, "Dockerfile"), `FROM busybox\n${lines.join("\n")}\n`);
  expect((await result(path)).trim().split("\n")).toEqual([
    "/a 711",
    "/a/b 711",
    "/a/b/c 711",
    "/s 755",
    "/s/t 600",
    "/w 755",
    "/w/c 2777",
  ]);
});

test("what is wrong with a context is said", async () => {
  const path = context({ Dockerfile: "FROM x\n" });
  for (const [text, message] of [
    ["x", "invalid context value: x, expected key=value"],
    ["x=/none/there", "failed to get build context x: /none/there: no such directory"],
    ["x=docker-image://127.0.0.1:1/none", "127.0.0.1:1"],
  ] as const) {
    const { code, stderr } = await daemon.docker("build", "--build-context", text, path);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  }
});

interface Described {
  mediaType: string;
  digest: string;
  annotations?: Record<string, string>;
  manifests?: Described[];
}

test("annotations go to manifest, descriptor and index, for all platforms or for one", async () => {
  const path = context({ Dockerfile: "FROM scratch\nCOPY said /\n", said: "x" });
  const archive = join(folder, "annotated.tar");
  const entry = async (name: string) =>
    JSON.parse((await run(["tar", "xOf", archive, name])).stdout) as Described;
  const blob = ({ digest = "" }: Partial<Described> = {}) => entry(`blobs/${digest.replace(":", "/")}`);
  const args = [
    ["--platform", "linux/amd64,linux/arm64"],
    ["--annotation", "plain=1"],
    ["--annotation", "index,manifest:both=2"],
    ["--annotation", "manifest[linux/arm64]:arm=3"],
    ["--annotation", "manifest-descriptor:about=4"],
    ["--annotation", "manifest-descriptor[linux/amd64]:about=5"],
    ["--output", `type=oci,dest=${archive}`],
  ].flat();
  await daemon.must("build", "-q", ...args, path);
  const index = await blob((await entry("index.json")).manifests?.[0]);
  expect(index.annotations).toEqual({ both: "2" });
  const [amd, arm] = index.manifests ?? [];
  expect([amd?.annotations, arm?.annotations]).toEqual([{ about: "5" }, { about: "4" }]);
  expect((await blob(amd)).annotations).toEqual({ plain: "1", both: "2" });
  expect((await blob(arm)).annotations).toEqual({ plain: "1", both: "2", arm: "3" });
  for (const [text, message] of [
    ["x", 'invalid annotation "x", expected key=value'],
    ["thing:a=b", 'unknown annotation type "thing"'],
    ["index[:a=b", 'invalid annotation type "index["'],
    ["index:a=b", "index annotations not supported for single platform export"],
  ] as const) {
    const { stderr, code } = await daemon.docker("build", "--provenance=false", "--annotation", text, path);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  }
  const files = join(folder, "platforms");
  await daemon.must("build", "-q", "--platform", "linux/amd64,linux/arm64", "--output", files, path);
  expect(readFileSync(join(files, "linux_arm64", "said"), "utf8")).toBe("x");
});
