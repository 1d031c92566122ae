/** Questions about a Dockerfile, and what steps may have beyond the confines of their containers. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";

let daemon: TestDaemon;
let strict: TestDaemon;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "longshore-frontend-"));
  const config = (name: string, value: object) => {
    writeFileSync(join(folder, name), JSON.stringify(value));
    return `--config-file=${join(folder, name)}`;
  };
  mkdirSync(join(folder, "cdi"));
  const devices = [{ name: "one", containerEdits: { env: ["DEVICE=one"] } }];
  writeFileSync(
    join(folder, "cdi", "d.json"),
    JSON.stringify({ cdiVersion: "0.5.0", kind: "example.com/thing", devices }),
  );
  const open = {
    builder: { Entitlements: { "security-insecure": true } },
    "cdi-spec-dirs": [join(folder, "cdi")],
  };
  daemon = await TestDaemon.start({ images: ["busybox"], flags: [config("open.json", open)] });
  const closed = { builder: { entitlements: { "network-host": false, device: false } } };
  strict = await TestDaemon.start({ registry: daemon.registry, flags: [config("closed.json", closed)] });
});
afterAll(async () => {
  await strict[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

let number = 0;
function context(Dockerfile: string, files: Record<string, string> = {}): string {
  const path = join(folder, String(number++));
  mkdirSync(path);
  for (const [name, text] of Object.entries({ Dockerfile, ...files })) writeFileSync(join(path, name), text);
  return path;
}

const asked = `ARG WAY
# KIND is what is asked for
ARG KIND=$\{WAY:-plain}
ARG unused=1
ARG later
# base is where all begins
FROM busybox AS base
# WHO is greeted
ARG WHO=\${KIND}er
ARG KIND
RUN --mount=type=secret,id=word,required --mount=type=ssh --mount=type=cache,target=/c echo $WHO
FROM busybox AS other
ARG elsewhere
FROM base
ARG TARGETARCH
ARG later=here
COPY x /x
`;

test("--call=outline and targets tell what can be built, and with what", async () => {
  const path = context(asked);
  expect(await daemon.must("build", "--call", "outline", path)).toBe(
    [
      "BUILD ARG   VALUE     DESCRIPTION",
      "WAY                   ",
      "KIND        plain     is what is asked for",
      "WHO         plainer   is greeted",
      "later       here      ",
      "",
      "SECRET   REQUIRED",
      "word     true",
      "",
      "SSH       REQUIRED",
      "default",
    ].join("\n"),
  );
  const given = await daemon.must("build", "--call=outline,format=json", "--target=other", path);
  expect(JSON.parse(given)).toMatchObject({ name: "other", args: [{ name: "elsewhere" }] });
  expect((await daemon.docker("build", "--call", "targets", path)).stdout).toBe(
    "TARGET    DESCRIPTION\nbase      is where all begins\nother     \n(default) \n",
  );
  const described = await daemon.must("build", "--call", "subrequests.describe", path);
  expect(described).toContain("lint                 1.0.0   Lint a Dockerfile\n");
  const unknown = await daemon.docker("build", "--call", "magic", path);
  expect(unknown).toMatchObject({ code: 1, stdout: "" });
  expect(unknown.stderr).toContain("unsupported request frontend.magic");
});

test("--call=check gives what it finds as JSON, and a status that can be ignored", async () => {
  const path = context("FROM busybox\nMAINTAINER me\n");
  const found = await daemon.docker("build", "--call=check,format=json", path);
  expect(found.code).toBe(1);
  expect(JSON.parse(found.stdout)).toMatchObject({
    warnings: [
      { ruleName: "MaintainerDeprecated", location: { ranges: [{ start: { line: 2 }, end: { line: 2 } }] } },
    ],
    sources: [{ fileName: "Dockerfile", language: "Dockerfile" }],
  });
  expect((await daemon.docker("build", "--call=check,ignorestatus=true", path)).code).toBe(0);
  const broken = await daemon.docker("build", "--call=check,format=json", context("FROM busybox\nRUNN x\n"));
  expect(JSON.parse(broken.stdout)).toMatchObject({
    buildError: { message: expect.stringContaining("unknown instruction: RUNN"), location: { ranges: [{}] } },
  });
  const wrong = await daemon.docker("build", "--call=check,colour=red", path);
  expect(wrong.stderr).toContain("invalid print field: colour=red");
});

const insecure =
  "FROM busybox\nRUN --security=insecure awk '/CapEff/ {print $2}' /proc/self/status > /caps\n";

test("what a build will fail with is among what the checks tell", async () => {
  const path = context("FROM busybox\nMAINTAINER me\nENV a=${b:?needed}\n");
  const found = await daemon.docker("build", "--check", path);
  expect(found.code).toBe(1);
  expect(found.stdout).toContain("Check complete, 1 warning has been found!");
  const place = `ERROR: failed to process "$\{b:?needed}": b: needed\n${path}/Dockerfile:3\n`;
  expect(found.stdout + found.stderr).toContain(place);
  const strictly = context("# check=error=true\nFROM busybox\nMAINTAINER me\n");
  const refused = await daemon.docker("build", "--check", strictly);
  expect(refused.stdout + refused.stderr).toContain(
    "ERROR: lint violation found for rules: MaintainerDeprecated",
  );
});

test("errors say what failed: an image, a process that cannot be started, a file from elsewhere", async () => {
  const failing = async (text: string) => {
    const { code, stderr } = await daemon.docker("build", context(text));
    return { code, error: stderr.split("\n").findLast((line) => line.startsWith("ERROR: failed to build:")) };
  };
  const failed = (message: string) => ({
    code: 1,
    error: expect.stringContaining(`ERROR: failed to build: failed to solve: ${message}`),
  });
  expect(await failing("FROM not-there:1\n")).toEqual(
    failed("not-there:1: failed to resolve source metadata for docker.io/library/not-there:1: "),
  );
  expect(await failing("FROM busybox\nCOPY --from=Not-there a /\n")).toEqual(
    failed('failed to parse stage name "Not-there": invalid reference format'),
  );
  expect(await failing("FROM busybox\nUSER eve\nRUN a b\n")).toEqual(
    failed('process "/bin/sh -c a b" did not complete successfully: unable to find user eve'),
  );
  expect(await failing('FROM busybox\nRUN ["not there"]\n')).toEqual(
    failed('process "not there" did not complete successfully: '),
  );
  expect(await failing("FROM busybox\nADD http://127.0.0.1:1/x /\n")).toEqual(
    failed('failed to load cache key: Get "http://127.0.0.1:1/x"'),
  );
  expect(await failing("FROM busybox\nVOLUME $nothing\n")).toEqual(
    failed("VOLUME specified can not be an empty string"),
  );
});

test("privileges and the host's network are for those who ask, of a daemon that allows it", async () => {
  const path = context(insecure);
  const refused = await daemon.docker("build", path);
  expect(refused.stderr).toContain("Dockerfile:2\n");
  expect(refused.stderr).toContain(
    "ERROR: failed to build: failed to solve: security.insecure is not allowed\n",
  );
  await daemon.must("build", "-q", "-t", "insecure", "--allow", "security.insecure", path);
  const held = await daemon.must(
    "run",
    "--rm",
    "--privileged",
    "busybox",
    "awk",
    "/CapEff/ {print $2}",
    "/proc/self/status",
  );
  expect(await daemon.must("run", "--rm", "insecure", "cat", "/caps")).toBe(held);
  const closed = await strict.docker("build", "--allow", "security.insecure", path);
  expect(closed.stderr).toContain(
    "granting entitlement security.insecure is not allowed by build daemon configuration",
  );
  const host = context("FROM busybox\nRUN --network=host readlink /proc/self/ns/net > /net\n");
  expect((await daemon.docker("build", host)).stderr).toContain("network.host is not allowed");
  await daemon.must("build", "-q", "-t", "net", "--allow=network.host", host);
  const own = (await Bun.$`readlink /proc/self/ns/net`.text()).trim();
  expect(await daemon.must("run", "--rm", "net", "cat", "/net")).toBe(own);
  const all = await strict.docker("build", "--network=host", context("FROM busybox\nRUN true\n"));
  expect(all.stderr).toContain(
    "granting entitlement network.host is not allowed by build daemon configuration",
  );
  const unknown = await daemon.docker("build", "--allow=everything", path);
  expect(unknown.stderr).toContain("unknown entitlement everything");
});

test("steps get devices by their CDI names", async () => {
  const path = context("FROM busybox\nRUN --device=example.com/thing=one echo $DEVICE > /said\n");
  const device = '"example.com/thing=one"';
  expect((await daemon.docker("build", path)).stderr).toContain(
    `device ${device} is requested by the build but not allowed`,
  );
  await daemon.must("build", "-q", "-t", "device", "--allow=device", path);
  expect(await daemon.must("run", "--rm", "device", "cat", "/said")).toBe("one");
  await daemon.must("build", "-q", "--no-cache", "--allow=device=example.com/thing=one", path);
  const closed = await strict.docker("build", "--allow=device", path);
  expect(closed.stderr).toContain("granting entitlement device is not allowed by build daemon configuration");
  const first = context("FROM busybox\nRUN --device=example.com/thing echo $DEVICE > /said\n");
  await daemon.must("build", "-q", "-t", "first", "--allow=device", first);
  expect(await daemon.must("run", "--rm", "first", "cat", "/said")).toBe("one");
  const none = context("FROM busybox\nRUN --device=example.com/none true\n");
  expect((await daemon.docker("build", "--allow=device", none)).stderr).toContain(
    'required device "example.com/none" is not registered',
  );
  const optional = context("FROM busybox\nRUN --device=example.com/none,required=false true\n");
  await daemon.must("build", "-q", "--allow=device", optional);
});
