import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});

afterAll(() => daemon[Symbol.asyncDispose]());

function dial(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: daemon.socket });
    socket.once("connect", () => resolve(socket));
    socket.on("error", reject);
  });
}

/** Sends bytes, and gives what comes until the daemon closes or has answered. */
async function say(bytes: string | Uint8Array): Promise<string> {
  const socket = await dial();
  socket.on("error", () => {}); // the daemon need not read to the end what it refuses
  socket.write(bytes);
  let heard = "";
  socket.on("data", (piece) => {
    heard += piece.toString("latin1");
  });
  await until("an answer", () => /\r\n\r\n/.test(heard) || socket.destroyed);
  socket.destroy();
  return heard.split("\r\n")[0] ?? "";
}

const head = (framing: string) =>
  `POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`;
const post = (body: string) => `${head(`Content-Length: ${body.length}`)}${body}`;

const nonsense: [what: string, bytes: string | Uint8Array][] = [
  ["no HTTP", "\x16\x03\x01\x02\x00\x01\r\n\r\n"],
  ["a header without an end", `GET /_ping HTTP/1.1\r\nX: ${"a".repeat(2_000_000)}`],
  [
    "a body of another length than it says twice",
    "POST /containers/create HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
  ],
  [
    "a chunk without a size",
    "POST /containers/create HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
  ],
  ["JSON that is deep", post(`{"Cmd":${"[".repeat(200_000)}${"]".repeat(200_000)}}`)],
  ["JSON that is deep and broken", post('[{"a":'.repeat(100_000))],
  ["JSON that is too long", post(`{"Image":"${"x".repeat(17_000_000)}"}`)],
  ["JSON that says it is too long, and of which nothing comes", head("Content-Length: 17000000")],
  [
    "JSON that is too long and does not say so",
    `${head("Transfer-Encoding: chunked")}${`100000\r\n${" ".repeat(0x100000)}\r\n`.repeat(17)}`,
  ],
];

test.each(nonsense)("%s is a bad request", async (_, bytes) => {
  expect(await say(bytes)).toBe("HTTP/1.1 400 Bad Request");
  expect(await daemon.must("ps", "-q")).toBe("");
});

test("clients that say half a request, or nothing, are in nobody's way", async () => {
  const silent = await Promise.all(Array.from({ length: 300 }, dial));
  silent.forEach((socket, index) => {
    if (index % 2) socket.write("POST /containers/create HTTP/1.1\r\nContent-Length: 100\r\nContent-Ty");
  });
  expect(await daemon.must("run", "--rm", "busybox", "echo", "heard")).toBe("heard");
  for (const socket of silent) socket.destroy();
});

test("requests that were sent ahead do not keep others waiting", async () => {
  const flood = await dial();
  flood.on("error", () => {});
  // Far more than is answered while one other request is.
  const ahead = 20_000;
  flood.write("GET /info HTTP/1.1\r\nHost: x\r\n\r\n".repeat(ahead));
  let answers = 0;
  flood.on("data", (piece) => {
    answers += piece.toString("latin1").split("HTTP/1.1 200 OK").length - 1;
  });
  await until("some are answered", () => answers > 0);
  expect((await fetch("http://docker/_ping", { unix: daemon.socket })).status).toBe(200);
  expect(answers).toBeLessThan(ahead);
  flood.destroy();
});

test("streams that nobody reads stop neither their container nor the daemon, and take no memory", async () => {
  await daemon.must("create", "--name", "loud", "busybox", "sh", "-c", "head -c 100000000 /dev/zero; exit 4");
  const readers = await Promise.all(Array.from({ length: 3 }, dial));
  for (const socket of readers) {
    socket.pause();
    socket.write(
      "POST /containers/loud/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    );
  }
  await until("they are attached", () => attached() === readers.length);
  await daemon.must("start", "loud");
  expect(await daemon.must("wait", "loud")).toBe("4");
  expect(await daemon.must("run", "--rm", "busybox", "echo", "heard")).toBe("heard");
  // Each stream is 100 MB.
  expect(residentMegabytes(daemon.pid) + residentMegabytes(daemon.supervisorPid)).toBeLessThan(600);
  for (const socket of readers) socket.destroy();
});

/** Streams that the supervisor has for somebody. */
function attached(): number {
  const sockets = readFileSync("/proc/net/unix", "latin1").split("\n");
  // The listener and dockerd's own connection have the path as well.
  return sockets.filter((line) => line.endsWith(`${daemon.execRoot}/supervisor.sock`)).length - 2;
}

function residentMegabytes(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
  return (pages * 4096) / 1e6;
}
