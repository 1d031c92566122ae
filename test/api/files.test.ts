import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";
import { call, daemonWithBusybox } from "./daemon-fixture.ts";

let daemon: TestDaemon;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "api-files-"));
  daemon = await daemonWithBusybox();
}, 60_000);
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
}, 60_000);

/** A tar with one file. */
async function tarOf(name: string, content: string): Promise<Uint8Array> {
  await writeFile(join(folder, name), content);
  const child = Bun.spawn(["tar", "--owner=1234", "--group=1234", "-c", "-C", folder, name], {
    stdout: "pipe",
  });
  return new Uint8Array(await new Response(child.stdout).arrayBuffer());
}

async function namesIn(path: string): Promise<string[]> {
  const response = await fetch(`http://docker${path}`, { unix: daemon.socket });
  expect(response.status).toBe(200);
  await writeFile(join(folder, "got.tar"), new Uint8Array(await response.arrayBuffer()));
  return (await run(["tar", "-t", "-f", join(folder, "got.tar")])).stdout.trim().split("\n").sort();
}

const put = async (container: string, path: string, archive: Uint8Array) =>
  (await call(daemon, "PUT", `/containers/${container}/archive?path=${path}`, archive)).status;
const read = async (container: string, path: string) => {
  await namesIn(`/containers/${container}/archive?path=${path}`);
  return (await run(["tar", "-x", "-O", "-f", join(folder, "got.tar")])).stdout;
};

/** Starts, does `check` with it running and, again, stopped. */
async function inBothStates(
  name: string,
  script: string,
  check: (state: string) => Promise<void>,
): Promise<void> {
  await daemon.must(
    "run",
    "-d",
    "--name",
    name,
    "-v",
    `${name}:/vol`,
    "busybox",
    "sh",
    "-c",
    `${script}; sleep 1000`,
  );
  await call(daemon, "GET", `/containers/${name}/archive?path=/ready`);
  for (
    let tries = 0;
    (await call(daemon, "HEAD", `/containers/${name}/archive?path=/ready`)).status !== 200;
    tries++
  ) {
    if (tries > 500) throw new Error("the script does not end");
    await Bun.sleep(10);
  }
  await check("running");
  await daemon.must("stop", "-t", "0", name);
  await check("stopped");
  await daemon.must("rm", "-f", "-v", name);
  await daemon.must("volume", "rm", name);
}

describe("files of a container, running or not", () => {
  test(
    "go in, and come out",
    () =>
      inBothStates(
        "files",
        "mkdir /data; ln -s /data /link; echo x >/data/there; touch /ready",
        async (state) => {
          expect(await put("files", "/data", await tarOf(state, "content"))).toBe(200);
          expect(await read("files", `/data/${state}`)).toBe("content");
          expect(await put("files", "/link", await tarOf("through", state))).toBe(200);
          expect(await read("files", "/data/through")).toBe(state);
          expect(await put("files", "/vol", await tarOf("kept", state))).toBe(200);
          expect(await read("files", "/vol/kept")).toBe(state);
          expect(await namesIn("/containers/files/archive?path=/data")).toContain("data/there");
          expect(await namesIn("/containers/files/archive?path=/data/.")).toContain("./there");
          expect(await namesIn("/containers/files/archive?path=/link")).toEqual(["link"]);
          expect(await put("files", "/nosuch", await tarOf("x", ""))).toBe(404);
        },
      ),
    60_000,
  );

  test(
    "links of the container lead nowhere on the host",
    () =>
      inBothStates(
        "escape",
        `ln -s ${folder} /absolute; ln -s ../../../../..${folder} /up; touch /ready`,
        async () => {
          for (const link of ["/absolute", "/up"]) {
            expect(await put("escape", link, await tarOf("planted", "by a container"))).toBe(404);
            await rm(join(folder, "planted"));
            expect(
              (await call(daemon, "GET", `/containers/escape/archive?path=${link}/got.tar`)).status,
            ).toBe(404);
            expect(existsSync(join(folder, "planted"))).toBe(false);
          }
          // An archive that first makes a link and then writes through it.
          const root = await mkdtemp(join(folder, "trap-"));
          await run(["ln", "-s", folder, join(root, "trap")]);
          await run(["tar", "-c", "-f", join(folder, "trap.tar"), "-C", root, "trap"]);
          await run(["sh", "-c", `rm ${root}/trap && mkdir ${root}/trap && echo bad > ${root}/trap/planted`]);
          await run(["tar", "-r", "-f", join(folder, "trap.tar"), "-C", root, "trap/planted"]);
          await put("escape", "/", new Uint8Array(await readFile(join(folder, "trap.tar"))));
          expect(existsSync(join(folder, "planted"))).toBe(false);
        },
      ),
    60_000,
  );

  test("a read-only container takes files in its volumes alone", async () => {
    const archive = await tarOf("new", "x");
    await daemon.must(
      "run",
      "-d",
      "--name",
      "ro",
      "--read-only",
      "-v",
      "rovol:/vol",
      "busybox",
      "sleep",
      "1000",
    );
    const both = async () => [await put("ro", "/etc", archive), await put("ro", "/vol", archive)];
    expect(await both()).toEqual([403, 200]);
    await daemon.must("stop", "-t", "0", "ro");
    expect(await both()).toEqual([403, 200]);
    await daemon.must("rm", "ro");
    await daemon.must("volume", "rm", "rovol");
  }, 60_000);

  test("a directory is not replaced by a file, nor the contrary, when the client says so", async () => {
    await daemon.must("create", "--name", "kinds", "busybox");
    const archive = await tarOf("etc", "a file");
    const path = "/containers/kinds/archive?path=/&noOverwriteDirNonDir=true";
    const { status, text } = await call(daemon, "PUT", path, archive);
    expect([status, text]).toEqual([400, expect.stringContaining("cannot overwrite directory")]);
    expect(await read("kinds", "/etc/passwd")).toContain("root:");
    await daemon.must("rm", "kinds");
  });
});

test("what a container has changed: diff, export, commit", async () => {
  await daemon.must(
    "run",
    "--name",
    "changed",
    "busybox",
    "sh",
    "-c",
    "echo new >/new; rm /etc/group; mkdir -p /d/e",
  );
  const { json } = await call(daemon, "GET", "/containers/changed/changes");
  expect(json).toEqual([
    { Kind: 1, Path: "/d" },
    { Kind: 1, Path: "/d/e" },
    { Kind: 0, Path: "/etc" },
    { Kind: 2, Path: "/etc/group" },
    { Kind: 1, Path: "/new" },
  ]);
  const exported = await namesIn("/containers/changed/export");
  expect(exported).toContain("new");
  expect(exported).toContain(".dockerenv");
  expect(exported).not.toContain("etc/group");

  const query =
    "container=changed&repo=committed&tag=1&comment=why&author=me&changes=ENV%20A=b&changes=CMD%20cat%20/new";
  const committed = await call(daemon, "POST", `/commit?${query}`);
  expect(committed.status).toBe(201);
  const image = (await call(daemon, "GET", "/images/committed:1/json")).json;
  expect(image).toMatchObject({ Id: (committed.json as { Id: string }).Id, Comment: "why", Author: "me" });
  expect(await daemon.must("run", "--rm", "committed:1")).toBe("new");
  expect(
    await daemon.must("run", "--rm", "committed:1", "sh", "-c", "echo $A; ls /etc/group 2>&1 | tail -c 10"),
  ).toBe("b\ndirectory");
  await daemon.must("rm", "changed");
  await daemon.must("rmi", "committed:1");
}, 60_000);

test("a container that has changed nothing has no changes, whatever was mounted in it", async () => {
  await daemon.must("run", "--name", "clean", "busybox", "true");
  expect((await call(daemon, "GET", "/containers/clean/changes")).json).toBeNull();
  await daemon.must("rm", "clean");
});
