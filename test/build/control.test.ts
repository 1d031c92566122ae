/**
 * `POST /grpc` as a client with a frontend of its own uses it (buildx with the `docker` driver): the order of its calls,
 * the bytes of its messages. The numbers are those of BuildKit's control.proto and gateway.proto, written down here once
 * more: what our own declarations have wrong does not agree with itself.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { serveGrpc } from "../../src/api/grpc/server.ts";
import type { Wire } from "../../src/api/http2/frame-writer.ts";
import { sessionServices } from "../../src/cli/build/session-services.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { upgraded, wireOf } from "../harness/upgraded.ts";

let daemon: TestDaemon;
let folder: string;
let rpc: Rpc;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
  folder = mkdtempSync(join(tmpdir(), "longshore-control-"));
  rpc = new Rpc(await upgraded(daemon.socket, "/grpc"));
});
afterAll(async () => {
  rpc.close();
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

type Value = string | number | Buffer | Record<string, string>;

function varint(value: number): Buffer {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest < 128 ? rest : (rest % 128) | 128);
    if (rest < 128) return Buffer.from(bytes);
  }
}

/** A message of fields by number; an object is a map of texts. */
function encode(...fields: [number: number, value: Value][]): Buffer {
  const parts = fields.flatMap(([number, value]): Buffer[] => {
    if (typeof value === "number") return [varint(number * 8), varint(value)];
    if (typeof value === "object" && !Buffer.isBuffer(value)) {
      return Object.entries(value).map((entry) => encode([number, encode([1, entry[0]], [2, entry[1]])]));
    }
    const bytes = Buffer.from(value as string);
    return [varint(number * 8 + 2), varint(bytes.length), bytes];
  });
  return Buffer.concat(parts);
}

/** The fields of a message, in their order. */
function fieldsOf(message: Buffer): [number: number, value: number | Buffer][] {
  const found: [number, number | Buffer][] = [];
  let at = 0;
  const next = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = next();
    const value = next();
    if ((tag & 7) === 0) found.push([tag >> 3, value]);
    else if ((tag & 7) === 2) {
      found.push([tag >> 3, message.subarray(at, at + value)]);
      at += value;
    } else throw new Error(`wire type ${tag & 7}`);
  }
  return found;
}

/** All values of a field that is a message or text. */
const all = (message: Buffer, number: number): Buffer[] =>
  fieldsOf(message).flatMap(([found, value]) => (found === number && Buffer.isBuffer(value) ? [value] : []));
const text = (message: Buffer | undefined, number: number): string =>
  message === undefined ? "" : (all(message, number)[0]?.toString() ?? "");
const mapOf = (message: Buffer, number: number): Record<string, string> =>
  Object.fromEntries(all(message, number).map((entry) => [text(entry, 1), text(entry, 2)]));

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(5);
  length.writeUInt32BE(message.length, 1);
  return Buffer.concat([length, message]);
}

/** Calls of gRPC: a message out, any number of messages in. */
class Rpc {
  readonly #http: ClientHttp2Session;

  constructor(socket: Duplex) {
    this.#http = connectHttp2("http://localhost", { createConnection: () => socket });
  }

  open(path: string, metadata: Record<string, string | string[]>): ClientHttp2Stream {
    return this.#http.request({
      ":method": "POST",
      ":path": `/moby.buildkit.v1.${path}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...metadata,
    });
  }

  async call(path: string, message: Buffer, metadata: Record<string, string> = {}): Promise<Buffer[]> {
    const stream = this.open(path, metadata);
    let trailers: Record<string, unknown> = {};
    stream.on("trailers", (fields) => {
      trailers = fields;
    });
    stream.end(framed(message));
    let bytes = Buffer.alloc(0);
    for await (const chunk of stream) bytes = Buffer.concat([bytes, chunk as Buffer]);
    const status = Number(trailers["grpc-status"]);
    if (status !== 0) {
      throw new Error(`${status}: ${decodeURIComponent(String(trailers["grpc-message"]))}`);
    }
    const messages: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 5 + bytes.readUInt32BE(at + 1);
      messages.push(bytes.subarray(at + 5, end));
      at = end;
    }
    return messages;
  }

  async one(path: string, message: Buffer, metadata?: Record<string, string>): Promise<Buffer> {
    const [answer = Buffer.alloc(0)] = await this.call(path, message, metadata);
    return answer;
  }

  close(): void {
    this.#http.destroy();
  }
}

/** What a session that offers nothing but a folder, under these names, serves. */
const folderServices = (names: readonly string[], path: string) =>
  sessionServices({
    folders: new Map(names.map((name) => [name, path])),
    secrets: new Map(),
    agents: new Map(),
    upload: undefined,
    destinations: [],
    further: [],
    credentials: () => ({}),
  });

/** A session that offers a folder as the context and the place of the Dockerfile. */
async function offer(files: Record<string, string>): Promise<{ id: string; socket: Duplex }> {
  const id = crypto.randomUUID();
  const path = join(folder, id);
  mkdirSync(path);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  const methods = folderServices(["context", "dockerfile"], path);
  const socket = await upgraded(daemon.socket, "/session", {
    "X-Docker-Expose-Session-Uuid": id,
    "X-Docker-Expose-Session-Name": "test",
    "X-Docker-Expose-Session-Sharedkey": id,
    "X-Docker-Expose-Session-Grpc-Method": [...methods.keys()].join(", "),
  });
  void serveGrpc(wireOf(socket), { methods });
  return { id, socket };
}

/** A connection within a call: its bytes are a field of messages. */
function wireWithin(stream: ClientHttp2Stream): Wire {
  const input = stream[Symbol.asyncIterator]();
  let rest = Buffer.alloc(0);
  return {
    async read() {
      while (rest.length < 5 || rest.length < 5 + rest.readUInt32BE(1)) {
        const { done, value } = await input.next();
        if (done) return undefined;
        rest = Buffer.concat([rest, value as Buffer]);
      }
      const end = 5 + rest.readUInt32BE(1);
      const message = rest.subarray(5, end);
      rest = rest.subarray(end);
      return all(message, 1)[0] ?? Buffer.alloc(0);
    },
    write: (bytes) =>
      new Promise((resolve) =>
        stream.write(framed(encode([1, Buffer.from(bytes)])), (error) => resolve(!error)),
      ),
    destroy: () => stream.close(),
  };
}

/** A build as a client does it that calls the frontend by itself: what it gets from `within` it returns. */
async function build(
  files: Record<string, string>,
  image: string,
  within: (metadata: Record<string, string>) => Promise<Buffer>,
) {
  const { id, socket } = await offer(files);
  const ref = crypto.randomUUID();
  const metadata = { "buildkit-controlapi-buildid": ref };
  const exporter = encode([1, "image"], [2, { name: image }]);
  const status = rpc.call("Control/Status", encode([1, ref]));
  const solved = rpc.one("Control/Solve", encode([1, ref], [5, id], [13, exporter]));
  try {
    const returned = await within(metadata).then(
      (result) => encode([1, result]),
      (error) => encode([2, encode([1, 2], [2, String(error.message)])]),
    );
    const [, answer] = await Promise.all([rpc.one("frontend.LLBBridge/Return", returned, metadata), solved]);
    return { exported: mapOf(answer, 1), status: await status };
  } finally {
    await Promise.allSettled([solved, status]);
    socket.destroy();
  }
}

/** A build by one call, without a part of the client's own. */
async function solve(
  files: Record<string, string>,
  { cache, attrs = {} }: { cache?: Buffer; attrs?: Record<string, string> },
) {
  const { id, socket } = await offer(files);
  const ref = crypto.randomUUID();
  const exporter = encode([1, "cacheonly"]);
  const asked = encode([1, ref], [5, id], [6, "dockerfile.v0"], [7, attrs], [13, exporter]);
  const request = cache === undefined ? asked : Buffer.concat([asked, encode([8, cache])]);
  const status = rpc.call("Control/Status", encode([1, ref]));
  try {
    const answer = await rpc.one("Control/Solve", request);
    return { answer: mapOf(answer, 1), status: await status };
  } finally {
    await Promise.allSettled([status]);
    socket.destroy();
  }
}

const dockerfile = (attrs: Record<string, string>) =>
  encode([2, "dockerfile.v0"], [3, attrs], [5, 1], [14, 1]);
const bridge = "frontend.LLBBridge";

test("tells who it is, and what its worker can do", async () => {
  const [version] = all(await rpc.one("Control/Info", encode()), 1);
  expect(text(version, 1)).toBe("github.com/moby/buildkit");
  expect(text(version, 2)).toMatch(/^v0\.\d+\.\d+$/);
  const [worker = Buffer.alloc(0)] = all(await rpc.one("Control/ListWorkers", encode()), 1);
  expect(text(worker, 1)).not.toBe("");
  expect(mapOf(worker, 2)["org.mobyproject.buildkit.worker.snapshotter"]).toBe("overlayfs");
  expect(text(all(worker, 3)[0], 2)).toBe("linux");
});

test("a build through the gateway: its steps, its image, its cache", async () => {
  const files = {
    Dockerfile: "FROM busybox\nARG who\nCOPY f /f\nRUN echo $who said >> /f; echo out\n",
    f: "in\n",
  };
  const { exported, status } = await build(files, "gateway:1", async (metadata) => {
    const pong = await rpc.one(`${bridge}/Ping`, encode(), metadata);
    expect(all(pong, 1).map((one) => text(one, 1))).toContain("gateway.solve.metadata");
    const solved = await rpc.one(`${bridge}/Solve`, dockerfile({ "build-arg:who": "he" }), metadata);
    const [result = Buffer.alloc(0)] = all(solved, 3);
    expect(text(all(result, 3)[0], 1)).not.toBe("");
    return result;
  });
  expect(exported["containerimage.digest"]).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await daemon.must("images", "-q", "--no-trunc", "gateway:1")).toBe(
    exported["containerimage.digest"] ?? "",
  );
  expect(await daemon.must("run", "--rm", "--network", "none", "gateway:1", "cat", "/f")).toBe("in\nhe said");
  const steps = status.flatMap((message) => all(message, 1)).map((vertex) => text(vertex, 3));
  expect(steps).toContain("[3/3] RUN echo he said >> /f; echo out");
  const output = status.flatMap((message) => all(message, 3)).map((log) => text(log, 4));
  expect(output.join("")).toBe("out\n");

  const usage = await rpc.one("Control/DiskUsage", encode());
  const kept = all(usage, 1).map((record) => text(record, 1));
  expect(kept.length).toBeGreaterThan(0);
  await daemon.must("rmi", "gateway:1");
  const pruned = await rpc.call("Control/Prune", encode([2, 1]));
  expect(pruned.map((record) => text(record, 1)).sort()).toEqual(kept.sort());
  expect(all(await rpc.one("Control/DiskUsage", encode()), 1)).toEqual([]);
});

test("a folder in a session of its own, which is a call, and which several builds share", async () => {
  const path = join(folder, "shared");
  mkdirSync(path);
  writeFileSync(join(path, "f"), "shared\n");
  const methods = folderServices(["x"], path);
  const id = crypto.randomUUID();
  const stream = rpc.open("Control/Session", {
    "x-docker-expose-session-uuid": id,
    "x-docker-expose-session-grpc-method": [...methods.keys()],
  });
  const served = serveGrpc(wireWithin(stream), { methods });
  const files = (lines: string) => ({ Dockerfile: `FROM busybox\nCOPY --from=x f /f\nRUN ${lines} /f\n` });
  const attrs = { "context:x": "local:x", "local-sessionid:x": id };
  const builds = ["grep shared", "cat"].map((lines) => solve(files(lines), { attrs }));
  const output = (await Promise.all(builds)).map(({ status }) =>
    status.flatMap((message) => all(message, 3)).map((log) => text(log, 4)),
  );
  expect(output.map((lines) => lines.join(""))).toEqual(["shared\n", "shared\n"]);
  stream.close();
  await served;
  await expect(solve(files("wc"), { attrs: { "context:x": "target:y" } })).rejects.toThrow(
    "unsupported context source target for x",
  );
});

test("a cache that goes to a registry, and comes back by what the frontend is told", async () => {
  const files = { Dockerfile: "FROM busybox\nRUN echo cached by others > /f\n" };
  const ref = `${daemon.registry.address}/by-others`;
  const entry = (attrs: Record<string, string>) => encode([1, "registry"], [2, attrs]);
  const exported = await solve(files, { cache: encode([4, entry({ ref, mode: "max" })]) });
  const manifest = JSON.parse(exported.answer["cache.manifest"] ?? "{}");
  expect(manifest.mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
  const step = async (asked: Parameters<typeof solve>[1]) => {
    await rpc.call("Control/Prune", encode([2, 1]));
    const { status } = await solve(files, asked);
    const vertexes = status.flatMap((message) => all(message, 1));
    const ran = vertexes.findLast((vertex) => text(vertex, 3).startsWith("[2/2] RUN"));
    return fieldsOf(ran ?? Buffer.alloc(0)).some(([number, value]) => number === 4 && value === 1);
  };
  expect(await step({})).toBe(false);
  expect(await step({ cache: encode([5, entry({ ref })]) })).toBe(true);
  const imports = JSON.stringify([{ Type: "registry", Attrs: { ref } }]);
  expect(await step({ attrs: { "cache-imports": imports } })).toBe(true);
  expect(await step({ attrs: { "cache-from": ref } })).toBe(true);
  // A client that serves no folders cannot keep a cache in one.
  const local = solve(files, { cache: encode([4, encode([1, "local"], [2, { dest: "/x" }])]) });
  await expect(local).rejects.toThrow("the client gives no access to folders of content");
});

test("what fails in the gateway fails the build", async () => {
  const files = { Dockerfile: "FROM busybox\nRUN exit 7\n" };
  const failed = build(files, "failed", (metadata) => rpc.one(`${bridge}/Solve`, dockerfile({}), metadata));
  await expect(failed).rejects.toThrow("did not complete successfully: exit code: 7");
  expect(await daemon.must("images", "-q", "failed")).toBe("");
});

test("a question about a Dockerfile is answered, and builds nothing", async () => {
  const ask = (requestid: string) =>
    build({ Dockerfile: "FROM busybox AS one\n" }, "asked", async (metadata) => {
      const solved = await rpc.one(`${bridge}/Solve`, dockerfile({ requestid }), metadata);
      const [result = Buffer.alloc(0)] = all(solved, 3);
      const answer = mapOf(result, 10);
      expect(JSON.parse(answer["result.json"] ?? "")).toMatchObject({
        targets: [{ name: "one", default: true }],
      });
      return result;
    });
  await ask("frontend.targets");
  await expect(ask("frontend.magic")).rejects.toThrow("unsupported request frontend.magic");
  expect(await daemon.must("images", "-q", "asked")).toBe("");
});

test("the files of a result can be looked at, and built on in another build", async () => {
  const made = "FROM busybox\nENV from=first\nRUN mkdir /d && echo text > /d/f && ln -s /etc/passwd /d/l\n";
  let input: Buffer = Buffer.alloc(0);
  await build({ Dockerfile: made }, "first", async (metadata) => {
    const solved = await rpc.one(`${bridge}/Solve`, dockerfile({}), metadata);
    const [result = Buffer.alloc(0)] = all(solved, 3);
    const [ref = Buffer.alloc(0)] = all(result, 3);
    const id = text(ref, 1);
    [input = input] = all(ref, 2);
    const ask = (method: string, ...fields: [number, Value][]) =>
      rpc.one(`${bridge}/${method}`, encode([1, id], ...fields), metadata);
    expect(text(await ask("ReadFile", [2, "/d/f"]), 1)).toBe("text\n");
    expect(text(await ask("ReadFile", [2, "d/f"], [3, encode([1, 1], [2, 2])]), 1)).toBe("ex");
    expect(text(await ask("ReadFile", [2, "/d/l"]), 1)).toStartWith("root:");
    const entries = all(await ask("ReadDir", [2, "/d"]), 1);
    expect(entries.map((entry) => text(entry, 1))).toEqual(["f", "l"]);
    expect(text(all(await ask("StatFile", [2, "/d/l"]), 1)[0], 7)).toBe("/etc/passwd");
    await ask("Evaluate");
    await expect(ask("ReadFile", [2, "/d/none"])).rejects.toThrow("open /d/none: no such file or directory");
    await expect(ask("ReadFile", [2, "/d"])).rejects.toThrow("read /d: is no regular file");
    return result;
  });
  const files = {
    Dockerfile:
      "FROM first\nRUN echo $from >> /d/f\nFROM scratch\nCOPY --from=0 /d/f /f\nCOPY --from=first /d/f /g\n",
  };
  const on = (attrs: Record<string, string>, inputs: Buffer) =>
    build(files, "second", async (metadata) => {
      const entry = encode([1, "it"], [2, inputs]);
      const request = Buffer.concat([dockerfile(attrs), encode([13, entry])]);
      return all(await rpc.one(`${bridge}/Solve`, request, metadata), 3)[0] ?? Buffer.alloc(0);
    });
  await on({ "context:first": "input:it" }, input);
  await daemon.must("create", "--name", "second", "second", "/f");
  const copied = async (path: string) => (await daemon.docker("cp", `second:${path}`, "-")).stdout;
  expect(await copied("/f")).toContain("text\nfirst\n");
  expect(await copied("/g")).toContain("text\n");
  await daemon.must("rm", "second");
  const other = encode([1, encode([3, encode([1, "docker-image://busybox"])])]);
  await expect(on({ "context:first": "input:it" }, other)).rejects.toThrow("LLB is not supported");
  await expect(on({ "context:first": "input:none" }, input)).rejects.toThrow("none not found");
});

test("a frontend of somebody else is refused, and named", async () => {
  const asked = encode([2, "gateway.v0"], [3, { source: "example.com/frontend:1" }], [14, 1]);
  const failed = build({ Dockerfile: "x" }, "foreign", (metadata) =>
    rpc.one(`${bridge}/Solve`, asked, metadata),
  );
  await expect(failed).rejects.toThrow(
    "frontend example.com/frontend:1 is not supported: only Dockerfiles are built",
  );
});
