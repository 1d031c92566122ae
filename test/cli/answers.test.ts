/** Daemons that answer what nobody asked for, or stop in the middle: the client says so, and fails. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dist, run } from "../harness/process.ts";

let root: string;
let folder: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "longshore-answers-"));
  folder = join(root, "context");
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\n");
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const step = chunk('{"stream":"Step 1/1 : FROM scratch\\n"}\n');
const answers = {
  upgraded: "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
  elsewhere: "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
  nothing: "",
  cut: `HTTP/1.1 200 OK\r\n${chunked}${step}`,
  "without a length": `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"stream":"Step 1/1 : FROM scratch\\n"}\n`,
  empty: `HTTP/1.1 200 OK\r\n${chunked}0\r\n\r\n`,
  early: `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n${chunked}${step}${chunk('{"stream":"Successfully built 0123456789ab\\n"}')}0\r\n\r\n`,
};

/** Answers pings as a daemon does, and all else with the same; then nothing more comes. */
async function server(name: keyof typeof answers): Promise<AsyncDisposable & { path: string }> {
  const path = join(root, `${name.replaceAll(" ", "-")}-${crypto.randomUUID().slice(0, 8)}.sock`);
  const made: Server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (data) => {
      text += data.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const isPing = text.startsWith("HEAD /_ping");
        text = text.slice(end + 4);
        if (isPing) {
          socket.write(
            "HTTP/1.1 200 OK\r\nApi-Version: 1.44\r\nBuilder-Version: 1\r\nContent-Length: 0\r\n\r\n",
          );
          continue;
        }
        socket.end(answers[name]);
        return;
      }
    });
  });
  await new Promise<void>((resolve) => made.listen(path, resolve));
  return { path, [Symbol.asyncDispose]: async () => void made.close() };
}

async function ask(name: keyof typeof answers, ...args: string[]) {
  await using one = await server(name);
  const env = { DOCKER_HOST: `unix://${one.path}`, DOCKER_CONFIG: root, DOCKER_BUILDKIT: "0" };
  const input = args.includes("-") || args[0] === "load" ? "a" : "";
  return await run([join(dist, "docker"), ...args], { env, input });
}

const streams = [["pull", "busybox"], ["push", "busybox"], ["load"], ["import", "-", "x"], ["save", "x"]];

test.each([
  ["upgraded", "request returned 101"],
  ["elsewhere", "unexpected redirect"],
  ["nothing", "EOF"],
] as const)("%s: an error for whoever reads a stream", async (name, message) => {
  for (const args of [["build", folder], ["build", "-q", folder], ["ps"], ...streams]) {
    const { code, stderr } = await ask(name, ...args);
    expect({
      args,
      code,
      told: stderr.includes(message) || stderr,
    }).toEqual({
      args,
      code: 1,
      told: true,
    });
  }
});

test.each(["cut", "empty", "without a length"] as const)(
  "a build whose answer is %s has failed",
  async (name) => {
    for (const args of [
      ["build", folder],
      ["build", "-q", folder],
    ]) {
      const { code, stderr } = await ask(name, ...args);
      expect({ args, code, told: /EOF/.test(stderr) || stderr }).toEqual({ args, code: 1, told: true });
    }
  },
);

test("a cut stream fails, and so does a list that is nothing at all", async () => {
  for (const args of streams) expect(await ask("cut", ...args)).toMatchObject({ code: 1 });
  for (const args of [["ps"], ["image", "prune", "-f"]]) {
    const { code, stderr } = await ask("empty", ...args);
    expect({ args, code, told: stderr.includes("EOF") || stderr }).toEqual({ args, code: 1, told: true });
  }
});

test("what comes before the answer is skipped, and a result that is told in words is one", async () => {
  const { code, stdout, stderr } = await ask("early", "build", folder);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stdout).toContain("Successfully built 0123456789ab");
});
