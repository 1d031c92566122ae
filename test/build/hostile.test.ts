/** Clients that mean no good, or that fall silent: sessions of their own making, and archives that no tar would write. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SolveRequest, SolveResponse } from "../../src/api/buildkit/control.ts";
import {
  type FileStat,
  goModes,
  Packet,
  packetTypes,
  sessionMethods,
} from "../../src/api/buildkit/session.ts";
import { GrpcClient } from "../../src/api/grpc/client.ts";
import { type Method, serveGrpc } from "../../src/api/grpc/server.ts";
import { encodeHeader, endOfArchive, padding } from "../../src/archive/tar-encoder.ts";
import { type TarEntry, tarEntry } from "../../src/archive/tar-entry.ts";
import { messageOf } from "../../src/base/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until, untilEmpty } from "../harness/process.ts";
import { upgraded, wireOf } from "../harness/upgraded.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  folder = mkdtempSync(join(tmpdir(), "longshore-hostile-"));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const dockerfile = "FROM busybox\nCOPY . /all\n";

const stat = (path: string, more: Partial<FileStat> = {}) =>
  Packet.encode({ type: packetTypes.stat, stat: { path, mode: 0o644, ...more } as FileStat });
const endOfList = Packet.encode({ type: packetTypes.stat });
const finish = Packet.encode({ type: packetTypes.finish });
const data = (ID: number, content: Uint8Array = new Uint8Array()) =>
  Packet.encode({ type: packetTypes.data, ID, data: content });

/** Sends a Dockerfile as it should be. */
async function sendDockerfile(call: Parameters<Method>[0]): Promise<void> {
  await call.send(stat("Dockerfile", { size: dockerfile.length }));
  await call.send(endOfList);
  await call.send(data(0, Buffer.from(dockerfile)));
  await call.send(data(0));
  for await (const message of call.messages()) if (Packet.decode(message).type === packetTypes.finish) break;
  await call.send(finish);
}

interface Build extends AsyncDisposable {
  /** What the build fails with; "" when it does not. */
  failure: Promise<string>;
  /** Both connections are gone, without a word. */
  cut(): void;
}

/** A build whose context is sent by `send`. */
async function build(send: Method): Promise<Build> {
  const id = crypto.randomUUID();
  const methods = new Map<string, Method>([
    [
      sessionMethods.readFiles,
      (call) => (call.metadata["dir-name"]?.[0] === "dockerfile" ? sendDockerfile(call) : send(call)),
    ],
  ]);
  const session = await upgraded(daemon.socket, "/session", {
    "X-Docker-Expose-Session-Uuid": id,
    "X-Docker-Expose-Session-Name": "hostile",
    "X-Docker-Expose-Session-Sharedkey": id,
    "X-Docker-Expose-Session-Grpc-Method": [...methods.keys()].join(", "),
  });
  void serveGrpc(wireOf(session), { methods });
  const control = await upgraded(daemon.socket, "/grpc");
  const rpc = new GrpcClient(wireOf(control));
  const request = { Ref: id, Session: id, Frontend: "dockerfile.v0", FrontendAttrs: {} };
  const ask = [SolveRequest, request] as const;
  const never = new AbortController().signal;
  const failure = rpc.call("/moby.buildkit.v1.Control/Solve", ask, SolveResponse, never).then(
    () => "",
    (error) => messageOf(error),
  );
  const cut = () => {
    session.destroy();
    control.destroy();
  };
  return {
    failure,
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await failure;
    },
  };
}

/** Sends `packets`, and then nothing, until the other side has enough. */
const says =
  (...packets: Uint8Array[]): Method =>
  async (call) => {
    for (const packet of packets) await call.send(packet);
    for await (const _ of call.messages());
  };

/** What is left of builds, but for what is kept for the next one. */
async function remains(): Promise<string[]> {
  const { containers } = await daemon.leftovers();
  const temporary = join(daemon.dataRoot, "tmp");
  return [...containers, ...(existsSync(temporary) ? readdirSync(temporary) : [])];
}

async function nextIsRight(): Promise<void> {
  const path = mkdtempSync(join(folder, "next-"));
  writeFileSync(join(path, "Dockerfile"), dockerfile);
  const { stderr, code } = await daemon.docker("build", "-t", "next", path);
  expect(stderr).toContain("naming to docker.io/library/next:latest");
  expect(code).toBe(0);
}

const link = (path: string, linkname: string) => stat(path, { mode: goModes.symlink + 0o777, linkname });

describe("a session", () => {
  test.each([
    ["a path that leads out", [stat("../outside"), endOfList]],
    ["an absolute path", [stat("/tmp/outside"), endOfList]],
    ["a path below a link", [link("out", "/tmp"), stat("out/outside"), endOfList]],
    ["the same path twice", [stat("a"), stat("a"), endOfList]],
    ["a path of 4,096 bytes", [stat("n".repeat(4096)), endOfList, data(0)]],
    ["content of no file", [stat("a"), endOfList, data(9, Buffer.from("x"))]],
    ["an end before its time", [stat("a"), endOfList, finish]],
    ["what is no packet", [Buffer.from([0xff, 0xff, 0xff])]],
  ])("that sends %s ends the build with an error that says so", async (_what, packets) => {
    await using hostile = await build(says(...packets));
    const failure = await hostile.failure;
    expect(failure).toMatch(/in the build context|of the build context|build context is cut off|protobuf/);
    expect(failure).not.toContain(daemon.dataRoot);
    expect(existsSync("/tmp/outside")).toBe(false);
    await untilEmpty("nothing to be left", remains);
    await nextIsRight();
  });

  test("that sends links in a circle has them copied as links", async () => {
    await using circle = await build(async (call) => {
      for (const packet of [link("a", "b"), link("b", "a"), endOfList]) await call.send(packet);
      for await (const message of call.messages()) {
        if (Packet.decode(message).type === packetTypes.finish) break;
      }
      await call.send(finish);
    });
    expect(await circle.failure).toBe("");
  });

  test("that never answers is waited for until its client is gone, and not longer", async () => {
    let asked = false;
    await using silent = await build(async (call) => {
      asked = true;
      for await (const _ of call.messages());
    });
    await until("the context is asked for", () => asked);
    silent.cut();
    expect(await silent.failure).not.toBe("");
    await untilEmpty("nothing to be left", remains);
    await nextIsRight();
  });

  test("that tells of endless files takes no more memory for each", async () => {
    let told = 0;
    await using endless = await build(async (call) => {
      while (!call.signal.aborted) {
        const name = String(told++).padStart(9, "0");
        await call.send(stat(`${name}-${"n".repeat(100)}`, { size: 1 }));
        if (told % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await until("many were told", () => told > 60_000, 60);
    const first = daemon.peak();
    await until("many more were told", () => told > 360_000, 60);
    expect(daemon.peak() - first).toBeLessThan(80);
    await nextIsRight();
    endless.cut();
    await untilEmpty("nothing to be left", remains);
  });

  test("whose file never ends holds nobody up, and its bytes go with it", async () => {
    const block = Buffer.alloc(64 * 1024, 1);
    let sent = 0;
    await using endless = await build(async (call) => {
      await call.send(stat("endless", { size: 1 }));
      await call.send(endOfList);
      while (!call.signal.aborted) {
        await call.send(data(0, block));
        sent += block.length;
      }
    });
    await until("much of it has come", () => sent > 100_000_000, 60);
    await nextIsRight();
    const contexts = join(daemon.dataRoot, "build", "contexts");
    const isKept = () =>
      readdirSync(contexts).some((name) => existsSync(join(contexts, name, "files/endless")));
    expect(isKept()).toBe(true);
    endless.cut();
    await until("its bytes are gone", () => !isKept());
    await untilEmpty("nothing to be left", remains);
  });
});

/** An archive of a Dockerfile and further members. */
function archive(...members: [entry: Parameters<typeof tarEntry>[0], content?: string][]): Buffer {
  const dockerfileFirst: typeof members = [[{ name: "Dockerfile", type: "file" }, dockerfile], ...members];
  const parts = dockerfileFirst.flatMap(([entry, content = ""]) => {
    const bytes = Buffer.from(content);
    const whole: TarEntry = tarEntry({ ...entry, size: bytes.length });
    return [encodeHeader(whole), bytes, padding(bytes.length)];
  });
  return Buffer.concat([...parts, endOfArchive()]);
}

async function post(body: Buffer): Promise<string> {
  const answer = await fetch("http://docker/build?q=1&nocache=1", {
    unix: daemon.socket,
    method: "POST",
    headers: { "Content-Type": "application/x-tar" },
    body,
  });
  return answer.text();
}

describe("an archive at POST /build", () => {
  test.each([
    ["a path that leads out", archive([{ name: "../../outside", type: "file" }, "x"]), /leads out of it/],
    ["a device", archive([{ name: "disk", type: "block", devMajor: 7, devMinor: 0 }]), /is a device/],
    [
      "a link to a file that it does not have",
      archive([{ name: "hard", type: "hardlink", linkname: "../../etc/passwd" }]),
      /leads out of it|not found|no such file/,
    ],
    ["a name that is too long", archive([{ name: "n".repeat(4096), type: "file" }, "x"]), /name too long/],
    [
      "an end in the middle",
      archive([{ name: "cut", type: "file" }, "x".repeat(9000)]).subarray(0, 3000),
      /unexpected EOF/,
    ],
    ["what is no archive", Buffer.from("no archive at all".repeat(100)), /tar|archive/i],
  ])("with %s is refused", async (_what, body, expected) => {
    const said = await post(body);
    expect(said).toMatch(expected);
    expect(said).not.toContain(daemon.dataRoot);
    await untilEmpty("nothing to be left", remains);
  });

  test("with links to the host's folders has what it says of them inside, and nothing outside", async () => {
    mkdirSync(join(folder, "target"));
    const target = join(folder, "target");
    const said = await post(
      archive(
        [{ name: "out", type: "symlink", linkname: target }],
        [{ name: "out/planted", type: "file" }, "x"],
        [{ name: "/absolute", type: "file" }, "x"],
      ),
    );
    expect(said).not.toContain('"error"');
    expect(readdirSync(target)).toEqual([]);
    expect(existsSync("/absolute")).toBe(false);
    await untilEmpty("nothing to be left", remains);
  });

  test("that never ends is waited for until its client is gone", async () => {
    const stop = new AbortController();
    let sent = 0;
    const body = new ReadableStream({
      async pull(controller) {
        controller.enqueue(sent === 0 ? archive().subarray(0, -1024) : Buffer.alloc(64 * 1024, 0x41));
        sent++;
        if (sent > 200) await Bun.sleep(50);
      },
    });
    const asked = fetch("http://docker/build", {
      unix: daemon.socket,
      method: "POST",
      body,
      signal: stop.signal,
    }).catch((error: unknown) => error);
    await until("some of it has come", () => sent > 100);
    stop.abort();
    await asked;
    await untilEmpty("nothing to be left", remains);
    await nextIsRight();
  });
});
